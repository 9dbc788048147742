// The wire as it flows, and what clients did wrong.

import { clock, h, show, span } from "./dom.js";
import { control, tried } from "./api.js";
import { dialog } from "./dialogs.js";
import { now, onChange, store } from "./store.js";

const SHOWN = 150;
let all = false;
let empty = false;
const open = new Set();

const short = (name) => String(name).replace(/^chat_(session_)?/, "");

/** Names of the events that a body carries. */
function events(body) {
  const found = Array.isArray(body?.events) ? body.events : [];
  return found.map((one) => short(one?.event ?? "?"));
}

const isPoll = (one) => one.method === "GET" && one.path.endsWith("/events");

function isEmptyPoll(one) {
  if (!isPoll(one) || !one.reply) return false;
  return one.reply.status === 200 && (one.reply.body === "" || (Array.isArray(one.got?.events) && !one.got.events.length));
}

function body(label, text, value) {
  if (!text) return null;
  return h("div", {}, h("h4", {}, label), h("pre", {}, value === null ? text : JSON.stringify(value, null, 2)));
}

function status(one) {
  if (!one.reply) return h("span", { class: "status held" }, isPoll(one) ? "held" : "…");
  const code = one.reply.status;
  const kind = code === 0 || code >= 500 ? "bad" : code >= 400 ? "poor" : "good";
  return h("span", { class: `status ${kind}` }, code === 0 ? "cut" : String(code));
}

function line(one) {
  const sent = events(one.sent);
  const got = events(one.got);
  const path = one.path.replace(/^\/clientweb\/api\//, "").replace(/chats\/[0-9a-f-]{20,}/i, "chats/…");
  const code = one.got?.error_code;
  const details = h(
    "details",
    { "data-number": one.number, open: open.has(one.number) },
    h(
      "summary",
      {},
      h("time", {}, clock(one.at)),
      h("b", { class: `method ${one.method}` }, one.method),
      h("span", { class: "path" }, path),
      status(one),
      h("span", { class: "took" }, one.reply ? `${one.reply.at - one.at} ms` : span(now() - one.at)),
      sent.length > 0 && h("span", { class: "events out" }, `→ ${sent.join(", ")}`),
      got.length > 0 && h("span", { class: "events in" }, `← ${got.join(", ")}`),
      code && h("span", { class: "events bad" }, `← error ${code}`),
    ),
  );
  if (open.has(one.number)) {
    const query = one.query.map(([name, value]) => `${name}=${value}`).join("&");
    details.append(
      h("p", { class: "address" }, `${one.method} ${one.path}${query && `?${query}`}`),
      h("p", { class: "address" }, one.authorization ? `Authorization: ${one.authorization}` : "(no Authorization)"),
      body("sent", one.body, one.sent) ?? "",
      (one.reply && body("received", one.reply.body, one.got)) ?? "",
    );
  }
  return details;
}

export function wire(box) {
  const list = h("div", { class: "lines" });
  const tick = (label, get, set) =>
    h("label", {}, h("input", { type: "checkbox", checked: get(), onchange: (event) => set(event.target.checked) }), label);
  const count = h("span", { class: "count" });
  const draw = () => {
    const found = [];
    const numbers = [...store.wire.keys()];
    let matching = 0;
    for (let at = numbers.length - 1; at >= 0; at--) {
      const one = store.wire.get(numbers[at]);
      if (!all && one.chat_id !== store.selected) continue;
      if (!empty && isEmptyPoll(one)) continue;
      matching += 1;
      if (found.length < SHOWN) found.push(line(one));
    }
    show(count, String(matching));
    show(list, found.length ? found : h("p", { class: "empty" }, "No requests yet."));
  };
  box.append(
    h(
      "h2",
      {},
      "Requests",
      count,
      h("span", { class: "gap" }),
      tick("all chats", () => all, (value) => { all = value; draw(); }),
      tick("empty polls", () => empty, (value) => { empty = value; draw(); }),
    ),
    list,
  );
  list.addEventListener("click", (event) => {
    const summary = event.target.closest("summary");
    if (!summary) return;
    event.preventDefault(); // what is open is kept here, and drawn
    const number = Number(summary.parentElement.dataset.number);
    if (!open.delete(number)) open.add(number);
    draw();
  });
  onChange(draw);
}

/** Show one violation: the rule, and the commands that repeat it. */
async function explain(fault) {
  const { violations } = await control.get(`verdict?client_id=${encodeURIComponent(fault.client?.client_id ?? "")}`);
  const found = violations.find((one) => one.rule === fault.rule && one.at === fault.at && one.message === fault.message);
  if (!found) throw new Error("this violation is no longer stored");
  const part = (title, text) => text && [h("h3", {}, title), h("p", {}, text)];
  await dialog(
    `${found.rule}: ${fault.message}`,
    h(
      "div",
      { class: "verdict" },
      part("What the client did", found.fault),
      part("What its user notices", found.suffers),
      part("What is right", found.instead),
      found.curl && [h("h3", {}, "Commands that repeat it"), h("pre", { tabindex: "0" }, found.curl)],
    ),
    { wide: true },
  );
}

export function faults(box) {
  box.addEventListener("click", (event) => {
    const key = event.target.closest("[data-fault]")?.dataset.fault;
    const fault = store.faults.find((one) => one.key === key);
    if (fault) tried(explain(fault));
  });
  onChange(() => {
    const found = store.faults.filter((fault) => all || !fault.chat_id || fault.chat_id === store.selected);
    box.hidden = !found.length;
    show(
      box,
      h("h2", {}, "Violations", h("span", { class: "count bad" }, String(found.length))),
      h(
        "ul",
        { class: "list" },
        found.slice(-50).reverse().map((fault) =>
          h(
            "li",
            {},
            h(
              "button",
              { type: "button", class: "fault", title: "show the rule and the commands that repeat it", "data-fault": fault.key },
              h("b", {}, fault.rule),
              h("span", {}, fault.message),
              h("time", {}, clock(fault.at)),
            ),
          ),
        ),
      ),
    );
  });
}
