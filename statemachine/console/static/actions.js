// The actions of agents and centre on a chat: one table for buttons, shortcuts and help.

import { base64, control, toast, tried } from "./api.js";
import { agent, agents, nameOf } from "./agents.js";
import { ask, askPlace, chooseFile } from "./dialogs.js";
import { h, shortcut, shortcutName } from "./dom.js";
import { current } from "./store.js";
import { accepts, writeTo } from "./talk.js";

const done = (...list) => control.act(current().chat.chat_id, ...list);
const act = (...list) => tried(done(...list));
const join = (one, kind) => ({ action: kind, label: one.label, first_name: one.first_name, last_name: one.last_name });
const others = () => agents.filter((one) => one !== agent());
const number = (value) => (value.trim() === "" ? null : Number(value));

async function accept() {
  accepts(current().chat.chat_id);
  writeTo();
  await act(join(agent(), "connect"));
}

async function transfer() {
  const wish = await ask("Transfer", [
    { name: "to", label: "To", choices: [...others().map((one) => [one.label, nameOf(one)]), ["", "the queue"]] },
    { name: "stay", label: "Stay in the chat too (conference)", type: "checkbox" },
    { name: "ewt", label: "In the queue: seconds to wait", value: "30", type: "number" },
  ]);
  if (!wish) return;
  const leave = wish.stay ? [] : [{ action: "leave_party", label: agent().label }];
  const next = agents.find((one) => one.label === wish.to);
  if (next) await act(join(next, "join_party"), ...leave);
  else await act(...leave, { action: "set_status", state: "queued", ewt: number(wish.ewt) });
}

async function form() {
  const wish = await ask("Show a form", [
    { name: "name", label: "Form (empty: a question, answered by the next text)", value: "survey_form", list: ["survey_form", "contact_form", "RequestLocation", "start_form"] },
    { name: "timeout", label: "Seconds until it closes (empty: never)", type: "number" },
  ]);
  if (wish) await act({ action: "show_form", name: wish.name, timeout: number(wish.timeout) });
}

async function secure() {
  const open = current().chat.forms.filter((one) => one.secure && !one.answers && !one.cancelled);
  const wish = await ask("Secure form", [
    { name: "what", label: "What", choices: [["show", "show"], ...(open.length ? [["cancel", `close form ${open.at(-1).request_id}`]] : [])] },
    { name: "form_id", label: "Form", value: "payment" },
  ]);
  if (!wish) return;
  if (wish.what === "cancel") await act({ action: "cancel_secure_form" });
  else await act({ action: "show_secure_form", form_id: wish.form_id });
}

async function file(dropped) {
  const found = dropped ?? (await chooseFile());
  if (!found) return;
  const content = `base64:${await base64(found)}`;
  const file_type = found.type.startsWith("image/") ? "image" : "attachment";
  await act({ action: "share_file", name: found.name, content, file_type, content_type: found.type || "application/octet-stream" });
}

const location = () => askPlace((place) => done({ action: "share_location", ...place }));

async function caseId() {
  const wish = await ask("Case of this chat", [{ name: "case_id", label: "Case id (empty: none)", value: current().chat.case_id || "C-1001" }]);
  if (wish) await act({ action: "set_case", case_id: wish.case_id });
}

async function any() {
  const { actions: all } = await control.get("actions");
  const spelt = (one) => JSON.stringify(Object.fromEntries([["action", one.name], ...one.fields.map((field) => [field.name, field.default ?? ""])]), null, 1);
  await ask(
    "Any action",
    [
      { name: "name", label: "Action", choices: all.map((one) => [one.name, `${one.name}: ${one.about.split(/(?<=[.;:]) /)[0]}`]), onchange: (value, fields) => { fields.json.value = spelt(all.find((one) => one.name === value)); } },
      { name: "json", label: "As JSON", type: "area", value: spelt(all[0]) },
    ],
    { doing: "Perform", attempt: ({ json }) => done(read(json)) },
  );
}

function read(json) {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new Error(`this is no JSON: ${error.message}`);
  }
}

const live = (chat) => chat.live;
const here = (chat) => chat.parties.some((one) => one.present && one.label === agent().label);

/** An action that nobody can take back: it asks first. */
const final = (label, about, action) => ({
  label,
  group: "End",
  kind: "bad",
  title: about,
  run: () => {
    const { chat } = current();
    return ask(`${label}: ${chat.client.client_id}`, [], { doing: label, about, attempt: () => control.act(chat.chat_id, { action }) });
  },
});

/** name -> its label, its key (with Alt), its group, what it does, and when it makes sense. */
export const ACTIONS = {
  accept: { label: "Accept", key: "a", group: "Agent", run: accept, main: true, sensible: (chat) => live(chat) && !here(chat) },
  queue: { label: "Queue", key: "q", group: "Agent", run: () => act({ action: "set_status", state: "queued", ewt: 30 }) },
  ring: { label: "Connecting", key: "b", group: "Agent", title: "status connecting", run: () => act({ action: "set_status", state: "connecting" }) },
  transfer: { label: "Transfer…", key: "t", group: "Agent", run: transfer, sensible: (chat) => live(chat) && here(chat) },
  leave: { label: "Leave", key: "v", group: "Agent", run: () => act({ action: "leave_party", label: agent().label }), sensible: (chat) => live(chat) && here(chat) },
  form: { label: "Form…", key: "f", group: "Show", run: form },
  secure: { label: "Secure form…", key: "p", group: "Show", run: secure },
  file: { label: "File…", key: "u", group: "Show", run: file },
  location: { label: "Location…", key: "l", group: "Show", run: location },
  case: { label: "Case…", key: "y", group: "Show", run: caseId },
  cobrowse: { label: "Co-browse", group: "Show", run: () => act({ action: "request_cobrowsing" }) },
  warn: { label: "Warn", key: "w", group: "End", kind: "warn", run: () => act({ action: "warn" }) },
  timeout: { key: "i", ...final("Time out", "The chat ends by the inactivity timeout.", "time_out") },
  end: { key: "e", ...final("End", "The chat ends normally.", "end_chat") },
  complete: { key: "d", ...final("Complete", "The chat ends with the status completed.", "complete") },
  fail: { key: "x", ...final("Fail", "The chat ends with the status failed.", "fail") },
  forget: { key: "g", ...final("Drop", "The server loses the chat: every request is answered 404, no event says so.", "drop_chat") },
  any: { label: "Any action…", key: ".", group: "End", run: any, sensible: () => true },
};

/** The buttons of a chat. Those that make little sense now are pale, but work: late events are worth a try too. */
export function actions(chat) {
  const groups = [...new Set(Object.values(ACTIONS).map((one) => one.group))];
  return groups.map((group) =>
    h(
      "div",
      { class: "group", role: "group", "aria-label": group },
      Object.entries(ACTIONS)
        .filter(([, one]) => one.group === group)
        .map(([name, one]) => {
          const pale = !(one.sensible ?? live)(chat);
          return h(
            "button",
            { type: "button", class: `button ${one.kind ?? ""}${one.main && !pale ? " main" : ""}${pale ? " pale" : ""}`, "data-action": name, title: one.title, "aria-keyshortcuts": shortcutName(one.key) },
            h("span", {}, one.label),
            one.key && shortcut(one.key),
          );
        }),
    ),
  );
}

/** Do one of them to the chosen chat. */
export async function perform(name, given) {
  if (!current()) toast("Select a chat first.");
  else await ACTIONS[name].run(given);
}
