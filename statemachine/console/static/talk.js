// The selected chat: its transcript and the field in which the agent writes.

import { control, tried } from "./api.js";
import { agent, nameOf } from "./agents.js";
import { actions, perform } from "./actions.js";
import { h, show } from "./dom.js";
import { changed, current, onChange } from "./store.js";
import { line, receipts, typing } from "./transcript.js";

const MARKS = { delivered: "✓", read: "✓✓" };
const TYPING_MS = 4000;

const log = h("div", { class: "log", role: "log", "aria-live": "polite", tabindex: "0" });
const draft = h("p", { class: "draft" });
const input = h("textarea", { rows: 2, "aria-label": "Message to the customer" });
const voice = h("select", { "aria-label": "Write as" });
const head = h("div", { class: "head" });
const bar = h("div", { class: "actions" });
const empty = h("div", { class: "empty big" });
const composer = h(
  "form",
  { class: "composer", onsubmit: (event) => { event.preventDefault(); say(); } },
  input,
  h("div", { class: "send" }, voice, h("button", { type: "submit", class: "button main" }, h("span", {}, "Send"), h("kbd", {}, "↵"))),
);

let drawn = { chatId: null, entries: 0 };
let typingSince = null;
let stillTyping = null;

export const writeTo = () => input.focus();

function drawLog(found) {
  const { chat, entries } = found;
  const nearEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  const fresh = drawn.chatId !== chat.chat_id || drawn.entries > entries.length;
  if (fresh) {
    log.replaceChildren();
    drawn = { chatId: chat.chat_id, entries: 0 };
  }
  for (const entry of entries.slice(drawn.entries)) {
    const one = line(chat, entry);
    if (one) log.append(one);
  }
  drawn.entries = entries.length;
  const marks = receipts(entries);
  for (const one of log.querySelectorAll(".message")) {
    const side = one.classList.contains("agent") ? "agent" : "customer";
    const state = marks[side].get(one.dataset.msg) ?? "";
    const mark = one.querySelector(".receipt");
    if (mark.dataset.state !== state) {
      mark.dataset.state = state;
      mark.textContent = MARKS[state] ?? "";
      mark.title = state;
    }
  }
  if (nearEnd || fresh) log.scrollTop = log.scrollHeight;
}

function drawVoices(chat) {
  const here = chat.parties.filter((one) => one.present);
  const mine = here.some((one) => one.label === agent().label);
  const before = voice.value;
  const voices = [...here.map((one) => [one.label, `${one.first_name} ${one.last_name}`.trim() || one.label]), ["bot", "scenario"]];
  if (show(voice, voices.map(([label, name]) => h("option", { value: label }, `as ${name}`)))) {
    voice.value = voices.some(([label]) => label === before) && before !== "bot" ? before : voices[0][0];
  }
  if (mine && drawnAgent !== agent()) voice.value = agent().label;
  drawnAgent = agent();
}
let drawnAgent = null;

function drawHead(chat) {
  const parameters = Object.entries(chat.parameters?.parameters ?? {}).map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`);
  show(
    head,
    h("h2", {}, chat.client.client_id),
    h("span", { class: "phase", "data-phase": chat.phase }, chat.phase),
    chat.warned && h("span", { class: "phase", "data-phase": "warned" }, "warned"),
    chat.live && h("span", { class: "phase poll", title: "whether a poll of the client is held" }, chat.polling ? "polling" : "no poll"),
    h("span", { class: "gap" }),
    h("span", { class: "facts", title: `chat ${chat.chat_id}` }, [`v${chat.version}`, chat.client.app_id, ...parameters, chat.case_id && `case ${chat.case_id}`].filter(Boolean).join(" · ")),
  );
}

function draw() {
  const found = current();
  for (const part of [head, log, draft, composer, bar]) part.hidden = !found;
  empty.hidden = Boolean(found);
  if (!found) return;
  const { chat, entries } = found;
  drawHead(chat);
  drawLog(found);
  drawVoices(chat);
  const words = chat.live ? typing(entries) : null;
  draft.hidden = words === null;
  draft.textContent = words ? `${chat.client.client_id} types: ${words}` : `${chat.client.client_id} is typing…`;
  const mine = chat.parties.some((one) => one.present && one.label === agent().label);
  input.placeholder = mine ? `Write as ${nameOf(agent())}` : `${nameOf(agent())} is not in this chat: Alt+A to accept it`;
  show(bar, actions(chat));
  readReceipts(found);
}

// Receipts: as an agent's desktop sends them, for chats that were accepted here. A scenario sends its own.
const KEY = "accepted";
const accepted = new Set(JSON.parse(sessionStorage.getItem(KEY) ?? "[]"));
const given = new Set();

/** From now on this page receipts what the customer of this chat writes. */
export function accepts(chatId) {
  accepted.add(chatId);
  sessionStorage.setItem(KEY, JSON.stringify([...accepted]));
}

function readReceipts({ chat, entries }) {
  if (!accepted.has(chat.chat_id) || !chat.live || document.hidden || !document.hasFocus()) return;
  const done = receipts(entries).customer;
  const ids = entries
    .filter(({ event, direction }) => direction === "from_client" && event.event === "chat_session_message" && event.msg_id)
    .map(({ event }) => String(event.msg_id))
    .filter((msgId) => done.get(msgId) !== "read" && !given.has(`${chat.chat_id} ${msgId}`));
  for (const msgId of ids) given.add(`${chat.chat_id} ${msgId}`);
  const receiptActions = ids.flatMap((msg_id) => [{ action: "send_delivered", msg_id }, { action: "send_read", msg_id }]);
  if (receiptActions.length) tried(control.act(chat.chat_id, ...receiptActions));
}

async function say() {
  const found = current();
  const text = input.value;
  if (!found || !text.trim()) return;
  quiet(found.chat.chat_id);
  if (await tried(control.act(found.chat.chat_id, { action: "say", text, party: voice.value }))) {
    if (input.value === text) input.value = "";
  }
}

function quiet(chatId) {
  clearTimeout(stillTyping);
  if (typingSince === chatId) tried(control.act(chatId, { action: "stop_typing", party: voice.value }));
  typingSince = null;
}

function types() {
  const found = current();
  if (!found?.chat.live) return;
  const { chat_id: chatId } = found.chat;
  if (typingSince !== chatId) tried(control.act(chatId, { action: "start_typing", party: voice.value }));
  typingSince = chatId;
  clearTimeout(stillTyping);
  stillTyping = setTimeout(() => quiet(chatId), TYPING_MS);
}

export function talk(box, hint) {
  empty.append(h("p", {}, "No chat is selected."), hint());
  box.append(empty, head, log, draft, composer, bar);
  input.addEventListener("input", types);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      say();
    } else if (event.key === "Escape") input.blur();
  });
  bar.addEventListener("click", (event) => {
    const found = event.target.closest("[data-action]");
    if (found) perform(found.dataset.action);
  });
  log.addEventListener("dragover", (event) => event.preventDefault());
  log.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer?.files.length) perform("file", event.dataTransfer.files[0]);
  });
  onChange(draw);
  window.addEventListener("focus", changed);
}

