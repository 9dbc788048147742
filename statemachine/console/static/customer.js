// The customer's pane: somebody who chats from this page, through a real client in the server.

import { base64, customers, tried } from "./api.js";
import { ask, askPlace, chooseFile } from "./dialogs.js";
import { h, shortcut, show } from "./dom.js";
import { changed, learnCustomer, onChange, select, store } from "./store.js";

const STATES = { pending: "…", sent: "✓", delivered: "✓✓", read: "✓✓ read" };
const TYPING_MS = 3000;
// What the forms of the emulator's widget configuration ask for; any other form asks for one text.
const FIELDS = {
  survey_form: ["service", "helpful", "recommend"],
  contact_form: ["first_name", "email"],
  payment: ["card_number", "expiry"],
  RequestLocation: ["location_lat", "location_lon"],
};

let who = null;
let expected = false; // the chosen customer's chat is to be shown as soon as there is one
let drawn = { id: null, version: -1 };
let readUp = new Map();

const tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "Customers" });
const head = h("div", { class: "head" });
const log = h("div", { class: "log", role: "log", "aria-live": "polite", tabindex: "0" });
const forms = h("div", { class: "forms" });
const input = h("textarea", { rows: 2, placeholder: "Write as the customer", "aria-label": "Message to the contact centre" });
const composer = h(
  "form",
  { class: "composer", onsubmit: (event) => { event.preventDefault(); say(); } },
  input,
  h("div", { class: "send" }, h("button", { type: "submit", class: "button main" }, h("span", {}, "Send"), h("kbd", {}, "↵"))),
);
const bar = h("div", { class: "actions" });

const screen = () => store.customers.get(who) ?? null;
const command = (name, wish) => tried(customers.do(who, name, wish));

export const writeAs = () => input.focus();

/** Somebody new comes, with a first message. */
export async function newCustomer(scenarios = []) {
  const wish = await ask(
    "A customer comes",
    [
      { name: "text", label: "First message (may be empty)", value: "Hello, my parcel is late." },
      { name: "client_id", label: "Client id (empty: a new one)" },
      scenarios.length
        ? { name: "app_id", label: "Scenario", choices: [["console", "the centre's own"], ...scenarios.map((one) => [one.name, `${one.name}: ${one.about}`])] }
        : { name: "app_id", label: "App id", value: "console" },
    ],
    { doing: "Start", about: "Each customer uses a real ChatClient." },
  );
  if (!wish) return;
  await tried(
    customers.come(wish).then(({ customer }) => {
      learnCustomer(customer);
      choose(customer.id);
      document.documentElement.classList.add("with-customer");
    }),
  );
}

function choose(id) {
  who = id;
  expected = true;
  changed();
}

/** Both sides show the same chat. */
function follow(found) {
  if (!expected || !store.chats.has(found.chat_id)) return;
  expected = false;
  select(found.chat_id);
}

function line(one) {
  if (one.kind === "note" || one.kind === "warning") {
    return h("div", { class: `note ${one.kind === "warning" ? "strong" : ""}` }, h("span", {}, one.text));
  }
  const mark = one.kind === "file" ? "file: " : one.kind === "location" ? "place: " : one.kind === "form" ? "▤ " : "";
  return h(
    "div",
    { class: `message ${one.own ? "agent" : "customer"}` },
    !one.own && one.who && h("span", { class: "by" }, one.who),
    h("div", { class: "bubble" }, mark + one.text),
    one.own && h("span", { class: `receipt ${one.state.startsWith("failed") ? "bad" : ""}` }, STATES[one.state] ?? one.state),
  );
}

function formBox(form) {
  const names = FIELDS[form.name] ?? ["text"];
  return h(
    "form",
    { class: "form", "data-form": form.id },
    h("h3", {}, form.name || "A question", form.secure && h("span", { class: "count" }, "secure")),
    names.map((name) => h("label", {}, name, h("input", { name, autocomplete: "off", type: form.secure ? "password" : "text" }))),
    h(
      "p",
      { class: "buttons" },
      h("button", { type: "button", class: "button", "data-cancel": form.id }, h("span", {}, "Close")),
      h("button", { type: "submit", class: "button main" }, h("span", {}, "Answer")),
    ),
  );
}

function drawScreen(found) {
  const same = drawn.id === found.id && drawn.version === found.version;
  if (same) return;
  const nearEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60 || drawn.id !== found.id;
  drawn = { id: found.id, version: found.version };
  show(
    head,
    h("h2", {}, found.id),
    h("span", { class: "phase", "data-phase": found.phase, title: "where the client says the chat is" }, found.phase),
    found.connection !== "polling" && !found.outcome && h("span", { class: "phase", "data-phase": "warned" }, `connection ${found.connection}`),
    h("span", { class: "gap" }),
    h("span", { class: "facts" }, found.parties.length ? `with ${found.parties.join(", ")}` : ""),
  );
  show(
    log,
    found.lines.map(line),
    found.typing.length > 0 && h("p", { class: "draft" }, `${found.typing.map((name) => name || "somebody").join(", ")} is typing…`),
  );
  if (nearEnd) log.scrollTop = log.scrollHeight;
  show(forms, found.forms.map(formBox));
  const over = found.outcome !== null || found.phase === "idle";
  show(
    bar,
    h("div", { class: "group" }, [
      h("button", { type: "button", class: "button", "data-command": "file" }, h("span", {}, "File…")),
      h("button", { type: "button", class: "button", "data-command": "location" }, h("span", {}, "Location…")),
      h("button", { type: "button", class: "button", "data-command": found.connection === "paused" ? "foreground" : "background" }, h("span", {}, found.connection === "paused" ? "To foreground" : "To background")),
    ]),
    h("div", { class: "group" }, [
      h("button", { type: "button", class: `button warn${over ? " pale" : ""}`, "data-command": "disconnect", title: "end the conversation; a survey may follow" }, h("span", {}, "Disconnect")),
      h("button", { type: "button", class: `button bad${over ? " pale" : ""}`, "data-command": "end", title: "end the chat" }, h("span", {}, "End")),
      over && h("button", { type: "button", class: "button main", "data-command": "start" }, h("span", {}, "New chat")),
      h("button", { type: "button", class: "button", "data-command": "go", title: "close the page; the chat is not ended" }, h("span", {}, "Close page")),
    ]),
  );
}

function draw() {
  const everybody = [...store.customers.keys()];
  if (!store.customers.has(who)) who = everybody.at(-1) ?? null;
  show(
    tabs,
    everybody.map((id) => h("button", { type: "button", role: "tab", class: "tab", "aria-selected": String(id === who), "data-who": id }, id)),
    h("button", { type: "button", class: "tab", "data-who": "+", title: "somebody new" }, "+ customer", shortcut("c")),
  );
  const found = screen();
  for (const part of [head, log, forms, composer, bar]) part.hidden = !found;
  if (found) {
    follow(found);
    drawScreen(found);
  }
}

function readAll() {
  const found = screen();
  if (!found || found.outcome || document.hidden) return;
  const ids = found.lines.filter((one) => !one.own && one.kind === "text" && one.item).map((one) => one.item);
  const last = ids.at(-1);
  if (last !== undefined && readUp.get(found.id) !== last) {
    readUp.set(found.id, last);
    command("read", { msg_id: last });
  }
}

async function say() {
  const text = input.value;
  if (!text.trim()) return;
  if (await command("say", { text })) input.value = "";
}

const LOCAL_COMMANDS = {
  async file() {
    const found = await chooseFile();
    if (found) await command("file", { name: found.name, content: await base64(found) });
  },
  async location() {
    await askPlace(({ latitude, longitude }) => customers.do(who, "location", { latitude: String(latitude), longitude: String(longitude) }));
  },
  async go() {
    await tried(customers.go(who));
  },
  async start() {
    if (await command("start", { text: "" })) choose(who);
  },
};

function onForm(event) {
  event.preventDefault();
  const box = event.target.closest("form");
  const data = Object.fromEntries([...new FormData(box)].map(([name, value]) => [name, String(value)]));
  command("answer", { form: box.dataset.form, data });
}

export function customerPane(box, come) {
  box.append(tabs, head, log, forms, composer, bar);
  tabs.addEventListener("click", (event) => {
    const id = event.target.closest("[data-who]")?.dataset.who;
    if (id === "+") come();
    else if (id) choose(id);
  });
  bar.addEventListener("click", (event) => {
    const name = event.target.closest("[data-command]")?.dataset.command;
    if (name) (LOCAL_COMMANDS[name] ?? (() => command(name)))();
  });
  forms.addEventListener("submit", onForm);
  forms.addEventListener("click", (event) => {
    const form = event.target.closest("[data-cancel]")?.dataset.cancel;
    if (form) command("cancel", { form });
  });
  let resting = null;
  input.addEventListener("input", () => {
    if (screen()?.outcome) return;
    command("typing", { draft: input.value });
    clearTimeout(resting);
    resting = setTimeout(() => command("stop_typing"), TYPING_MS);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      clearTimeout(resting);
      say();
    } else if (event.key === "Escape") input.blur();
  });
  onChange(() => {
    draw();
    if (document.documentElement.classList.contains("with-customer")) readAll();
  });
}

