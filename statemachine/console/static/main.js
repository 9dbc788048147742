// Puts the page together.

import { ACTIONS, perform } from "./actions.js";
import { add, agentBar, next } from "./agents.js";
import { tried } from "./api.js";
import { centreKeys, centreTools, scenarios } from "./centre.js";
import { customerPane, newCustomer, writeAs } from "./customer.js";
import { ask, dialog } from "./dialogs.js";
import { button, h, shortcut, show } from "./dom.js";
import { bind, listen } from "./keys.js";
import { picture } from "./picture.js";
import { queue, step } from "./queue.js";
import { changed, follow, onChange, store } from "./store.js";
import { talk, writeTo } from "./talk.js";
import { faults, wire } from "./traffic.js";

const root = document.documentElement;
const at = (id) => document.getElementById(id);

const come = () => tried(scenarios().then(newCustomer));

function toggleCustomer() {
  if (!store.customers.size) come();
  else root.classList.toggle("with-customer");
  changed();
}

const hint = () =>
  h(
    "div",
    { class: "hint" },
    h("p", {}, "Point a client at ", h("code", {}, location.origin), ", or play the customer yourself:"),
    h("p", {}, button("New customer", come, { key: "c", kind: "main" })),
    h("p", {}, "In a second terminal: ", h("code", {}, `statemachine chat --url ${location.origin}`)),
  );

async function help() {
  const rows = (pairs) => pairs.map(([key, what]) => h("tr", {}, h("td", {}, shortcut(key)), h("td", {}, what)));
  const actions = Object.values(ACTIONS).filter((one) => one.key);
  await dialog(
    "Keyboard shortcuts",
    h(
      "div",
      { class: "columns" },
      h("table", {}, rows(Object.entries(PAGE).map(([key, [what]]) => [key, what]))),
      h("table", {}, rows(actions.map((one) => [one.key, one.label.replace("…", "")]))),
      h("p", {}, "Shortcuts work outside of text fields. Enter sends, Shift+Enter begins a new line, Esc leaves the field."),
    ),
    { wide: true },
  );
}

async function hire() {
  const wish = await ask("New agent", [{ name: "name", label: "Name", value: "" }], { doing: "Add" });
  if (wish) add(wish.name);
}

const PAGE = {
  j: ["next chat", () => step(1)],
  k: ["previous chat", () => step(-1)],
  r: ["reply", writeTo],
  c: ["a new customer", come],
  o: ["show or hide the customer", toggleCustomer],
  z: ["write as the customer", writeAs],
  m: ["next agent", next],
  ...Object.fromEntries(centreKeys()),
  "?": ["this help", help],
};

function themes() {
  const order = ["light dark", "light", "dark"];
  const names = { "light dark": "◐", light: "☀", dark: "☾" };
  const now = () => root.style.colorScheme || order[0];
  const label = h("span", {}, names[now()]);
  const turn = () => {
    const following = order[(order.indexOf(now()) + 1) % order.length];
    root.style.colorScheme = following;
    localStorage.setItem("scheme", following);
    label.textContent = names[following];
  };
  const kept = localStorage.getItem("scheme");
  if (order.includes(kept)) root.style.colorScheme = kept;
  label.textContent = names[now()];
  return h("button", { type: "button", class: "button", onclick: turn, title: "as the system, light, dark", "aria-label": "colours" }, label);
}

function views() {
  const all = [["chats", "Incoming chats"], ["talk", "Chat"], ["inside", "Details"], ["customer", "Customer"]];
  const box = at("views");
  for (const [view, label] of all) {
    box.append(h("button", { type: "button", "data-to": view, onclick: () => { root.dataset.view = view; changed(); } }, label));
  }
  onChange(() => {
    for (const one of box.children) one.setAttribute("aria-current", String(one.dataset.to === root.dataset.view));
  });
}

views();
agentBar(at("agents"), hire);
queue(at("chats"), hint);
talk(at("talk"), () => h("p", { class: "hint" }, "Alt+J and Alt+K select chats, Alt+A accepts one, Alt+? shows all shortcuts."));
wire(at("wire"));
faults(at("faults"));
customerPane(at("customer"), come);
at("tools").append(
  ...centreTools(),
  button("Customer", toggleCustomer, { key: "o" }),
  button("Shortcuts", help, { key: "?" }),
  themes(),
);
onChange(() => show(at("link"), store.connected ? "" : h("span", { class: "phase fault" }, "not connected")));
for (const [key, [, run]] of Object.entries(PAGE)) bind(key, run);
for (const [name, one] of Object.entries(ACTIONS)) if (one.key) bind(one.key, () => perform(name));
setInterval(changed, 1000); // ages are shown in seconds
listen();
follow();
picture(at("picture"));
changed();
