// What pages do beyond their forms: each works without it, but for the session's end while it is open.
"use strict";
(() => {
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  // a picture that cannot be had leaves its place to the letters below it
  for (const image of all("img[data-optional]")) {
    const drop = () => image.remove();
    if (image.complete && !image.naturalWidth) drop();
    image.addEventListener("error", drop);
  }

  // a form is sent once
  for (const form of all("form[data-once]")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "yes";
    });
  }
  window.addEventListener("pageshow", () => {
    for (const form of all("form[data-once]")) delete form.dataset.sent;
  });

  // what cannot be taken back is asked again
  for (const form of all("form[data-confirm]")) {
    const dialog = document.getElementById(form.dataset.confirm);
    const button = form.querySelector("button");
    let sure = false;
    form.addEventListener("submit", (event) => {
      if (sure) return;
      event.preventDefault();
      dialog.showModal();
    });
    dialog.querySelector("[data-yes]").addEventListener("click", () => {
      sure = true;
      dialog.close();
      form.requestSubmit(button);
    });
    dialog.querySelector("[data-no]").addEventListener("click", () => dialog.close());
  }

  // a select that depends on another shows the group that the other chose
  for (const select of all("select[data-filtered-by]")) {
    const other = document.getElementById(select.dataset.filteredBy);
    if (!other) continue;
    const groups = all("optgroup", select);
    const show = (isChange) => {
      for (const group of groups) {
        const fits = group.dataset.groupId === other.value;
        group.hidden = group.disabled = !fits;
        if (!fits && isChange) for (const option of all("option", group)) option.selected = false;
      }
    };
    other.addEventListener("change", () => show(true));
    show(false);
  }

  // the list narrows while one types
  const search = document.querySelector("[data-search]");
  if (search) {
    const found = document.querySelector("[data-found]");
    const none = document.querySelector("[data-none]");
    search.addEventListener("input", () => {
      const wanted = search.value.trim().toLowerCase();
      let count = 0;
      for (const group of all("[data-group]")) {
        let here = 0;
        for (const card of all("[data-name]", group)) {
          const fits = card.dataset.name.toLowerCase().includes(wanted);
          card.parentElement.hidden = !fits;
          here += fits;
        }
        group.hidden = !here;
        count += here;
      }
      found.textContent = `${count} integrations`;
      none.hidden = count > 0;
    });
  }

  for (const place of all("[data-focus]")) place.focus();

  // the session ends while the page is open
  const left = Number(document.body.dataset.expiresIn);
  if (document.body.dataset.expiresIn && left < 2000000) {
    setTimeout(() => location.reload(), (left + 1) * 1000);
  }
})();
