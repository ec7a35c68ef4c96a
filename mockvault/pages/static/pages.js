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

  // a pop-up tells its opener how it went, and closes where it went well
  const popup = document.body.dataset;
  if (popup.popup) {
    const told =
      popup.popup === "complete"
        ? { type: "oauth_complete", success: true, ...Object.fromEntries(new URLSearchParams(location.hash.slice(1))) }
        : { type: "oauth_error", error: popup.error, errorDescription: popup.message, serviceId: popup.service };
    window.opener?.postMessage(told, "*");
    document.querySelector("[data-close]").addEventListener("click", () => window.close());
    if (popup.popup === "complete") window.close();
  }

  // a page within the drop-in script's frame tells it what was done
  const isInOurFrame = () => {
    try {
      return window.parent !== window && "frame" in window.parent.document.body.dataset;
    } catch {
      return false; // another origin's frame
    }
  };
  if (isInOurFrame()) {
    document.body.classList.add("framed");
    const done = new URLSearchParams(location.search).get("done");
    window.parent.postMessage({ done, connection: popup.connection, deleted: popup.deleted }, location.origin);
    // opened for one connection, it leads to no other
    if (window.parent.document.body.dataset.single) for (const link of all("a[data-home]")) link.remove();
    for (const link of all("a[href]")) if (link.origin !== location.origin) link.target = "_blank";
  }

  // what was begun is whole: back to the app, but not within the app's own page
  if (popup.leave && !isInOurFrame()) {
    setTimeout(() => location.assign(popup.leave), Number(popup.after) * 1000);
  }

  // the drop-in script's frame: it says that it is ready, is told what to show, and tells of changes
  if ("frame" in popup) {
    const inner = document.querySelector("iframe");
    const parent = window.parent;
    let options = null;
    let last = null;
    const tell = (message) => parent.postMessage(message, "*");
    const close = () => tell("on-close");
    const call = async (method, id, body) => {
      const [api, service] = id.split("+").map(encodeURIComponent);
      const claims = JSON.parse(
        new TextDecoder().decode(
          Uint8Array.from(atob(options.token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0)),
        ),
      );
      const answer = await fetch(`/vault/connections/${api}/${service}`, {
        method,
        headers: {
          Authorization: `Bearer ${options.token}`,
          "X-APIDECK-APP-ID": claims.application_id,
          "X-APIDECK-CONSUMER-ID": claims.consumer_id,
          "X-APIDECK-AUTH-TYPE": "JWT",
          "Content-Type": "application/json",
        },
        body: body && JSON.stringify(body),
      });
      return answer.ok ? (await answer.json()).data : null;
    };
    const start = async () => {
      const { token, unifiedApi, serviceId, initialView } = options;
      let path = `/session/${token}`;
      if (unifiedApi && serviceId) {
        const id = `${unifiedApi}+${serviceId}`;
        document.body.dataset.single = "yes";
        last = await call("GET", id);
        if (last && !last.enabled) {
          last = await call("PATCH", id, { enabled: true });
          tell({ type: "on-connection-change", data: last });
        }
        path += `/connections/${encodeURIComponent(unifiedApi)}/${encodeURIComponent(serviceId)}`;
        if (initialView === "custom-mapping") path += "/mappings";
        if (initialView === "configurable-resources") path += "#resources";
      } else if (unifiedApi) {
        path += `?api=${encodeURIComponent(unifiedApi)}`;
      }
      inner.src = path;
      inner.hidden = false;
      document.getElementById("main").focus();
    };
    window.addEventListener("message", async ({ data, source }) => {
      if (source === inner.contentWindow) {
        if (data.deleted && last) tell({ type: "on-connection-delete", data: last });
        if (!data.connection) return;
        const now = await call("GET", data.connection);
        if (now && data.done) tell({ type: "on-connection-change", data: now });
        last = now;
      } else if (source === parent && data?.type === "close") {
        close();
      } else if (source === parent && data?.token && !options) {
        options = data;
        await start();
      }
    });
    document.querySelector("[data-close]").addEventListener("click", close);
    document.addEventListener("keydown", (event) => event.key === "Escape" && close());
    document.body.addEventListener("click", (event) => event.target === document.body && close());
    tell("on-ready");
  }

  // the session ends while the page is open
  const left = Number(document.body.dataset.expiresIn);
  if (document.body.dataset.expiresIn && left < 2000000) {
    setTimeout(() => location.reload(), (left + 1) * 1000);
  }
})();
