// The inspector: entries of the journal as they are made, and what can be asked about each.
const ROW = 26;
const KEPT = 10000;
const find = (id) => document.getElementById(id);
const timeline = find("timeline");
const space = find("space");
const state = {
  app: "", entries: [], shown: [], selected: -1, last: 0, opened: null, abort: null,
  token: sessionStorage.getItem("mockvault-token") || "",
};

// asking

function headers() {
  return state.token ? { authorization: `Bearer ${state.token}` } : {};
}

async function ask(path, method = "GET", body) {
  const answer = await fetch(`/_mock${path}`, {
    method,
    headers: { ...headers(), ...(body ? { "content-type": "application/json" } : {}) },
    body: body ? JSON.stringify(body) : undefined,
  });
  if (answer.status === 401) {
    find("token-form").hidden = false;
    find("token").focus();
    throw new Error("The control token is needed");
  }
  const text = await answer.text();
  const told = text ? JSON.parse(text) : null;
  if (!answer.ok) {
    const detail = told && told.detail;
    throw new Error(typeof detail === "string" ? detail : (told && told.message) || answer.statusText);
  }
  return told;
}

const ofApp = (path) => `/apps/${encodeURIComponent(state.app)}${path}`;

function say(text) {
  find("said").textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { find("said").textContent = ""; }, 4000);
}

function attempt(doing) {
  return Promise.resolve().then(doing).catch((reason) => say(reason.message));
}

// elements

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function svg(tag, properties, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(properties)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const json = (value) => make("pre", {}, JSON.stringify(value, null, 2));

// the time line

function text(entry) {
  if (entry.kind === "request") {
    const query = (entry.query || []).map(([name, value]) => `${name}=${value}`).join("&");
    const changed = entry.changes.length ? `  ${entry.changes.join(", ")}` : "";
    return `${entry.method} ${entry.path}${query ? `?${query}` : ""}  ${entry.operation_id || "no operation"}${changed}`;
  }
  if (entry.kind === "event") {
    return `${entry.event_type}  ${entry.connection} of ${entry.consumer_id}  ${entry.state_before} → ${entry.state_after}`;
  }
  if (entry.kind === "attempt") {
    return `${entry.event_type}  attempt ${entry.execution_attempt || "-"}  ${entry.delivery_status}  ${entry.error || ""}`;
  }
  const { number, kind, at, power, ...rest } = entry;
  return `${power}  ${JSON.stringify(rest)}`;
}

function mark(entry) {
  if (entry.kind === "request") return String(entry.status);
  if (entry.kind === "event") return "event";
  if (entry.kind === "attempt") return entry.status_code ? `→ ${entry.status_code}` : "→ –";
  return "power";
}

function tone(entry) {
  if (entry.kind === "request") return entry.status >= 400 ? "bad" : "good";
  if (entry.kind === "attempt") return entry.success ? "good" : "bad";
  return "";
}

function isShown(entry, wanted, kinds, onlyViolations) {
  if (!kinds.has(entry.kind)) return false;
  if (onlyViolations && !(entry.violations && entry.violations.length)) return false;
  return !wanted || `${mark(entry)} ${text(entry)}`.toLowerCase().includes(wanted);
}

function choose() {
  const wanted = find("filter").value.trim().toLowerCase();
  const kinds = new Set([...document.querySelectorAll("[data-kind]:checked")].map((box) => box.dataset.kind));
  const onlyViolations = find("only-violations").checked;
  const before = state.shown[state.selected];
  state.shown = state.entries.filter((entry) => isShown(entry, wanted, kinds, onlyViolations));
  state.selected = before ? state.shown.indexOf(before) : -1;
  find("count").textContent = `${state.shown.length} of ${state.entries.length}`;
  draw();
}

function draw() {
  space.style.height = `${state.shown.length * ROW}px`;
  if (find("stick").checked && state.selected < 0) timeline.scrollTop = timeline.scrollHeight;
  const first = Math.max(0, Math.floor(timeline.scrollTop / ROW) - 10);
  const count = Math.ceil(timeline.clientHeight / ROW) + 20;
  const rows = state.shown.slice(first, first + count).map((entry, offset) => row(entry, first + offset));
  space.replaceChildren(...rows);
  if (state.selected >= 0) timeline.setAttribute("aria-activedescendant", `row-${state.selected}`);
  else timeline.removeAttribute("aria-activedescendant");
}

function row(entry, index) {
  const element = make(
    "div",
    {
      id: `row-${index}`, class: `row ${entry.kind}`, role: "option",
      "aria-selected": String(index === state.selected),
      "aria-setsize": state.shown.length, "aria-posinset": index + 1,
      "data-number": entry.number,
      onclick: () => { select(index); open(entry); },
    },
    make("span", { class: "time" }, entry.at.slice(11, 23)),
    make("span", { class: `mark ${tone(entry)}` }, mark(entry)),
    make("span", { class: "what" }, text(entry)),
    entry.fault ? make("span", { class: "badge warn" }, entry.fault) : null,
    entry.violations && entry.violations.length
      ? make("span", { class: "badge bad" }, `${entry.violations.length} violation${entry.violations.length > 1 ? "s" : ""}`)
      : null,
  );
  element.style.top = `${index * ROW}px`;
  return element;
}

function select(index) {
  state.selected = Math.max(0, Math.min(index, state.shown.length - 1));
  const top = state.selected * ROW;
  if (top < timeline.scrollTop) timeline.scrollTop = top;
  else if (top + ROW > timeline.scrollTop + timeline.clientHeight) {
    timeline.scrollTop = top + ROW - timeline.clientHeight;
  }
  draw();
}

let waiting = false;
function add(entry) {
  if (entry.number <= state.last) return;
  state.last = entry.number;
  state.entries.push(entry);
  if (state.entries.length > KEPT) state.entries.splice(0, state.entries.length - KEPT);
  if (!waiting) {
    waiting = true;
    requestAnimationFrame(() => { waiting = false; choose(); });
  }
  if (entry.kind !== "attempt") later();
}

let due = 0;
function later() {
  clearTimeout(due);
  due = setTimeout(() => { attempt(connections); attempt(clock); }, 200);
}

async function follow() {
  if (state.abort) state.abort.abort();
  const abort = (state.abort = new AbortController());
  const app = state.app;
  while (!abort.signal.aborted && app === state.app) {
    try {
      const answer = await fetch(`/_mock${ofApp(`/stream?after=${state.last}`)}`, { headers: headers(), signal: abort.signal });
      if (!answer.ok) throw new Error(answer.statusText);
      live(true);
      await read(answer.body.getReader(), abort);
    } catch (reason) {
      if (abort.signal.aborted) return;
    }
    live(false);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

async function read(reader, abort) {
  const decoder = new TextDecoder();
  let rest = "";
  while (!abort.signal.aborted) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += decoder.decode(value, { stream: true });
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      if (!block.includes("event: entry")) continue;
      const data = block.split("\n").find((line) => line.startsWith("data: "));
      if (data) add(JSON.parse(data.slice(6)));
    }
  }
}

function live(isOn) {
  find("live").textContent = isOn ? "live" : "disconnected";
  find("live").classList.toggle("on", isOn);
}

// beside it

async function connections() {
  const told = await ask(ofApp("/connections?limit=500"));
  find("states").replaceChildren(
    ...told.connections.map((each) =>
      make(
        "li", {},
        make(
          "button",
          { type: "button", "data-connection": `${each.consumer_id} ${each.connection}`, onclick: () => attempt(() => explain(each)) },
          make("span", { class: `badge ${each.state}` }, each.state),
          ` ${each.name} `,
          make("small", {}, `${each.consumer_id}${each.enabled ? "" : " · disabled"}`),
        ),
      ),
    ),
  );
}

async function clock() {
  const told = await ask(ofApp("/clock"));
  find("clock").textContent = `${told.now.slice(0, 19).replace("T", " ")}${told.frozen ? " frozen" : ""}${told.timer_count ? ` · ${told.timer_count} due later` : ""}`;
  find("freeze").textContent = told.frozen ? "Resume" : "Freeze";
  find("freeze").dataset.action = told.frozen ? "resume" : "freeze";
}

async function contract() {
  const told = await ask(ofApp("/contract"));
  find("operations").replaceChildren(
    ...told.operations.map((each) =>
      make(
        "tr", { class: each.calls ? "called" : "", "data-operation": each.operation_id },
        make("td", { class: "calls" }, String(each.calls)),
        make("td", {}, each.operation_id, make("br"), make("small", {}, each.summary)),
        make("td", {}, make("code", {}, `${each.method} ${each.path}`)),
        make("td", {}, each.responses.join(" ")),
      ),
    ),
  );
  find("schemas").replaceChildren(
    ...Object.entries(told.schemas).map(([name, schema]) => {
      const body = make("div", {});
      return make(
        "details",
        { ontoggle: () => { if (!body.childElementCount) body.append(json(schema)); } },
        make("summary", {}, name), body,
      );
    }),
  );
}

// details

function show(title, ...children) {
  find("details-title").textContent = title;
  find("details-body").replaceChildren(...children.filter(Boolean));
  find("details").hidden = false;
  draw();
}

function close() {
  find("details").hidden = true;
  state.opened = null;
  timeline.focus();
  draw();
}

function open(entry) {
  attempt(async () => {
    const whole = await ask(ofApp(`/journal/${entry.number}`));
    state.opened = whole;
    if (entry.kind === "request") showRequest(whole);
    else if (entry.kind === "event") showEvent(whole);
    else if (entry.kind === "attempt") show(`Attempt to deliver ${whole.event_type}`, json(whole.delivery));
    else show(`Power: ${whole.power}`, json(whole));
  });
}

function section(title, child) {
  return child === null || child === undefined ? null : make("section", {}, make("h3", {}, title), child);
}

function showRequest(whole) {
  const caused = state.entries.filter((entry) => entry.request === whole.number);
  show(
    `${whole.status} ${whole.method} ${whole.path}`,
    make(
      "div", { class: "actions" },
      make("button", { type: "button", "data-testid": "copy-curl", onclick: copyCurl }, "Copy curl"),
      make("button", { type: "button", "data-testid": "replay", onclick: replay }, "Replay"),
      make("button", { type: "button", "data-testid": "fixture", onclick: fixture }, "Save as fixture"),
    ),
    section("curl", make("pre", { "data-testid": "curl" }, curl(whole))),
    whole.violations ? section("Violations", violations(whole.violations)) : null,
    ...(whole.steps || []).map((step) => section(`State of ${step.connection} of ${step.consumer_id}`, diff(step))),
    caused.length ? section("Raised", make("ul", {}, ...caused.map((each) => make("li", {}, text(each))))) : null,
    section("Request headers", json(Object.fromEntries(whole.request_headers))),
    whole.request_body === null ? null : section("Request body", json(whole.request_body)),
    section(`Answer in ${whole.milliseconds} ms${whole.answer_cut ? " (cut)" : ""}`, json(whole.answer_body)),
  );
}

function showEvent(whole) {
  attempt(async () => {
    const told = await ask(ofApp(`/events/${whole.event_id}`));
    show(
      whole.event_type,
      section("State", diff(whole.change)),
      section("Deliveries", json(told.deliveries)),
      section("Payload", json(told.payload)),
      make("div", { class: "actions" }, make("button", { type: "button", onclick: () => attempt(async () => {
        await ask(ofApp(`/events/${whole.event_id}/resend`), "POST");
        say("Sent again");
      }) }, "Send again")),
    );
  });
}

function violations(list) {
  return make("ul", {}, ...list.map((each) => make("li", {}, `${each.in} ${each.pointer || ""}: ${each.message}${each.hint ? ` (${each.hint})` : ""}`)));
}

function diff(step) {
  const before = flat(step.before || {});
  const after = flat(step.after || {});
  const lines = [make("div", {}, make("span", { class: `badge ${step.state_before}` }, step.state_before), " → ", make("span", { class: `badge ${step.state_after}` }, step.state_after))];
  for (const name of [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()) {
    if (before[name] === after[name]) continue;
    if (name in before) lines.push(make("div", { class: "minus" }, `- ${name}: ${before[name]}`));
    if (name in after) lines.push(make("div", { class: "plus" }, `+ ${name}: ${after[name]}`));
  }
  return make("pre", { class: "diff", "data-testid": "diff" }, ...lines);
}

function flat(value, path = "", found = {}) {
  for (const [name, below] of Object.entries(value)) {
    const place = path ? `${path}.${name}` : name;
    if (below && typeof below === "object" && !Array.isArray(below)) flat(below, place, found);
    else found[place] = JSON.stringify(below);
  }
  return found;
}

function quoted(value) {
  return `'${String(value).replaceAll("'", `'\\''`)}'`;
}

function curl(whole) {
  const query = whole.query.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&");
  const lines = [`curl -s -X ${whole.method} ${quoted(`${location.origin}${whole.path}${query ? `?${query}` : ""}`)}`];
  for (const [name, value] of whole.request_headers) {
    if (/^(host|content-length|connection|accept-encoding|user-agent|accept)$/i.test(name)) continue;
    if (/^authorization$/i.test(name)) lines.push(`-H "Authorization: Bearer $MOCKVAULT_API_KEY"`);
    else lines.push(`-H ${quoted(`${name}: ${value}`)}`);
  }
  if (whole.request_body !== null) {
    const body = typeof whole.request_body === "string" ? whole.request_body : JSON.stringify(whole.request_body);
    lines.push(`-d ${quoted(body)}`);
  }
  return lines.join(" \\\n  ");
}

function copyCurl() {
  if (!state.opened || state.opened.kind !== "request") return;
  const line = curl(state.opened);
  const copied = navigator.clipboard ? navigator.clipboard.writeText(line) : Promise.reject(new Error("Nothing to copy to"));
  copied.then(() => say("curl copied"), () => say("Copy it from below"));
}

function replay() {
  if (!state.opened || state.opened.kind !== "request") return;
  attempt(async () => {
    const told = await ask(ofApp(`/journal/${state.opened.number}/replay`), "POST");
    say(`Replayed: ${told.status}`);
  });
}

function fixture() {
  attempt(async () => {
    const told = await ask(ofApp(`/journal/${state.opened.number}/fixture`));
    const link = make("a", {
      href: `data:application/json,${encodeURIComponent(JSON.stringify(told.example, null, 2))}`,
      download: told.file.split("/").pop(),
    });
    link.click();
    say(`To be merged into ${told.file}`);
  });
}

async function explain(each) {
  const [api, service] = each.connection.split(/\+(.*)/s);
  const place = `/consumers/${encodeURIComponent(each.consumer_id)}/connections/${encodeURIComponent(api)}/${encodeURIComponent(service)}`;
  const told = await ask(ofApp(`${place}/explain`));
  const states = [...new Set([...told.diagram.matchAll(/^\s+(\w+) -->|--> (\w+)/gm)].map((match) => match[1] || match[2]))];
  state.opened = null;
  show(
    `${told.connection} of ${told.consumer_id}`,
    make("p", {}, make("span", { class: `badge ${told.state}` }, told.state), ` ${told.because}`),
    diagram(told.diagram, told.state),
    section("Facts", make("ul", {}, ...told.facts.map((fact) => make("li", {}, `${fact.holds ? "✓" : "✗"} ${fact.fact}`)))),
    section("Force", make("div", { class: "actions" }, ...states.filter((name) => name !== told.state).map((name) =>
      make("button", { type: "button", "data-testid": `force-${name}`, onclick: () => attempt(async () => {
        await ask(ofApp(`${place}/force`), "POST", { state: name });
        await explain(each);
      }) }, name)))),
    section("Next", make("div", {}, ...told.next.map((step) => make("div", {}, `${step.does} → ${step.leads_to}`, make("pre", {}, step.curl))))),
    section("Mermaid", make("pre", {}, told.diagram)),
  );
}

// the states one under another, an arrow for each way between them
function diagram(mermaid, current) {
  const ways = [...mermaid.matchAll(/^\s+(\w+) --> (\w+): (.+)$/gm)].map((match) => match.slice(1, 4));
  const names = [...new Set(ways.flatMap(([from, to]) => [from, to]))];
  const place = Object.fromEntries(names.map((name, index) => [name, 30 + index * 62]));
  const drawing = svg("svg", { class: "diagram", viewBox: `0 0 520 ${names.length * 62 + 10}`, role: "img", "aria-label": `States; now ${current}` });
  drawing.append(svg("defs", {}, svg("marker", { id: "tip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, svg("path", { d: "M0 0 L8 4 L0 8 z", fill: "currentColor" }))));
  ways.forEach(([from, to, why], index) => {
    const [start, end] = [place[from], place[to]];
    const out = 155 + (index % 5) * 26;
    drawing.append(svg("path", { d: `M130 ${start} C ${out} ${start}, ${out} ${end}, 132 ${end + (end > start ? -6 : 6)}`, fill: "none", stroke: "currentColor", "stroke-opacity": ".55", "marker-end": "url(#tip)" }));
    const label = svg("text", { class: "why", x: 275, y: 22 + index * 17 });
    label.textContent = `${from} → ${to}: ${why}`;
    drawing.append(label);
  });
  for (const name of names) {
    const label = svg("text", { x: 75, y: place[name] + 4 });
    label.textContent = name;
    drawing.append(svg("g", name === current ? { class: "current" } : {}, svg("rect", { x: 20, y: place[name] - 16, width: 110, height: 32, rx: 8 }), label));
  }
  return drawing;
}

// keys and buttons

timeline.addEventListener("keydown", (event) => {
  const page = Math.max(1, Math.floor(timeline.clientHeight / ROW) - 1);
  const moves = {
    ArrowDown: state.selected + 1, ArrowUp: state.selected < 0 ? state.shown.length - 1 : state.selected - 1,
    PageDown: state.selected + page, PageUp: state.selected - page, Home: 0, End: state.shown.length - 1,
  };
  if (event.key in moves && state.shown.length) {
    event.preventDefault();
    select(moves[event.key]);
    if (!find("details").hidden) open(state.shown[state.selected]);
  } else if (event.key === "Enter" && state.selected >= 0) {
    event.preventDefault();
    open(state.shown[state.selected]);
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    if (!find("details").hidden) close();
    else { state.selected = -1; draw(); }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  if (event.key === "/") { event.preventDefault(); find("filter").focus(); }
  else if (event.key === "r") replay();
  else if (event.key === "c") copyCurl();
});
timeline.addEventListener("scroll", draw);
addEventListener("resize", draw);
find("filter").addEventListener("input", choose);
for (const box of document.querySelectorAll("[data-kind], #only-violations, #stick")) box.addEventListener("change", choose);
find("close").addEventListener("click", close);
find("app").addEventListener("change", () => attempt(() => begin(find("app").value)));
find("freeze").addEventListener("click", () => attempt(async () => {
  await ask(ofApp("/clock"), "PUT", { action: find("freeze").dataset.action || "freeze" });
  await clock();
}));
for (const button of document.querySelectorAll("[data-advance]")) {
  button.addEventListener("click", () => attempt(async () => {
    const told = await ask(ofApp("/clock"), "PUT", { action: "advance", by: button.dataset.advance });
    say(told.effects.length ? `${told.effects.length} things happened` : "Nothing was due");
    await clock();
  }));
}
find("reset").addEventListener("click", () => attempt(async () => {
  await ask(ofApp("/reset"), "POST");
  await begin(state.app);
  say("Reset");
}));
for (const [name, other] of [["timeline", "contract"], ["contract", "timeline"]]) {
  find(`show-${name}`).addEventListener("click", () => {
    find(`view-${name}`).hidden = false;
    find(`view-${other}`).hidden = true;
    find(`show-${name}`).setAttribute("aria-pressed", "true");
    find(`show-${other}`).setAttribute("aria-pressed", "false");
    if (name === "contract") attempt(contract);
    else draw();
  });
}
find("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  state.token = find("token").value;
  sessionStorage.setItem("mockvault-token", state.token);
  find("token-form").hidden = true;
  attempt(start);
});

async function begin(app) {
  state.app = app;
  const told = await ask(ofApp(`/journal?limit=${KEPT}`));
  state.entries = told.entries;
  state.last = told.last;
  state.selected = -1;
  find("details").hidden = true;
  choose();
  await Promise.all([connections(), clock()]);
  follow();
}

async function start() {
  const told = await ask("/apps");
  find("app").replaceChildren(...told.applications.map((each) => make("option", { value: each.id }, each.name === each.id ? each.id : `${each.name} (${each.id})`)));
  const asked = new URLSearchParams(location.search).get("app");
  const chosen = told.applications.some((each) => each.id === asked) ? asked : told.applications[0].id;
  find("app").value = chosen;
  await begin(chosen);
}

attempt(start);
setInterval(() => { if (state.app && !document.hidden) attempt(clock); }, 5000);
