// A chat's log as a conversation, seen from the agents' side.

import { fileUrl } from "./api.js";
import { clock, h } from "./dom.js";

const MESSAGE = "chat_session_message";

const text = (value) => (typeof value === "string" ? value : value === undefined || value === null ? "" : JSON.stringify(value));

function who(chat, entry) {
  if (entry.direction === "from_client") return chat.client.client_id;
  const id = text(entry.event.party_id).toLowerCase();
  const party = chat.parties.find((one) => one.party_id.toLowerCase() === id);
  return party ? `${party.first_name} ${party.last_name}`.trim() || party.label : "scenario";
}

const state = (event) =>
  `status: ${text(event.state)}${event.ewt !== undefined && event.ewt !== "" ? `, about ${text(event.ewt)} s to wait` : ""}`;

const fields = (event) => Object.entries(event.data ?? {}).map(([name, value]) => `${name}: ${text(value)}`).join(", ");

// Event -> what the log says of it; `null`: nothing of its own.
const NOTES = {
  chat_session_status: state,
  chat_session_info: (event) => `service: ${text(event.service_name)}`,
  chat_session_party_joined: (event) => `${text(event.display_name) || text(event.type)} joined`,
  chat_session_party_left: (event, chat, entry) => `${who(chat, entry)} left`,
  chat_session_form_show: (event) => `form ${text(event.form_request_id)} shown: ${text(event.form_name) || "a question"}`,
  chat_session_form_data: (event) => `form ${text(event.form_request_id)} answered: ${fields(event)}`,
  chat_form_data_cancel: (event) => `form ${text(event.form_request_id)} closed by the customer`,
  chat_session_secure_form_show: (event) => `secure form ${text(event.form_request_id)} shown: ${text(event.form_id)}`,
  chat_session_secure_form_data: (event) => `secure form ${text(event.form_request_id)} answered (values are kept nowhere)`,
  chat_session_secure_form_cancel: (event) => `secure form ${text(event.form_request_id)} closed`,
  chat_session_timeout_warning: (_event, _chat, entry) => `⚠ warned of inactivity: ${entry.text}`,
  chat_session_inactivity_timeout: (_event, _chat, entry) => `timed out: ${entry.text}`,
  chat_session_inactvity_timeout: (_event, _chat, entry) => `timed out: ${entry.text}`,
  chat_session_ended: () => "the chat has ended",
  chat_session_case_set: (event) => (event.case_id ? `case ${text(event.case_id)}` : "no case any more"),
  chat_session_disconnect: () => "the customer ends the conversation",
  chat_session_end: () => "the customer ends the chat",
  chat_session_navigation: (event) => `page: ${text(event.title)} ${text(event.page)}`,
  chat_session_signaling: (event) => `call signal: ${text(event.data?.type)}`,
  chat_session_cobrowsing_requested: () => "co-browsing asked for",
  chat_session_cobrowsing_rejected: () => "the customer does not want co-browsing",
  chat_session_cobrowsing_started: () => "co-browsing started",
  chat_session_cobrowsing_ended: () => "co-browsing ended",
  chat_session_message_delivered: null,
  chat_session_message_read: null,
  chat_session_typing: null,
  chat_session_not_typing: null,
};

function attachment(chat, event) {
  const url = fileUrl(chat.chat_id, text(event.file_id));
  const name = text(event.file_name) || "file";
  return [
    event.file_type === "image" && h("img", { src: url, alt: name, loading: "lazy" }),
    h("a", { href: url, download: name }, `⬇ ${name}`),
  ];
}

function content(chat, entry) {
  const { event } = entry;
  if (event.event === MESSAGE) return entry.text;
  if (event.event === "chat_session_file") return attachment(chat, event);
  if (event.event === "chat_session_location") {
    return [`place: ${text(event.latitude)}, ${text(event.longitude)}`, event.url && h("span", { class: "url" }, text(event.url))];
  }
  return null;
}

/** One entry as an element, or null where it shows on others only. */
export function line(chat, entry) {
  const { event, direction, at } = entry;
  const said = content(chat, entry);
  if (said !== null) {
    const side = direction === "from_client" ? "customer" : "agent";
    return h(
      "div",
      { class: `message ${side}`, "data-msg": text(event.msg_id) },
      h("span", { class: "by" }, who(chat, entry), h("time", {}, clock(at))),
      h("div", { class: "bubble" }, said),
      h("span", { class: "receipt" }),
    );
  }
  const name = text(event.event);
  const note = Object.hasOwn(NOTES, name) ? NOTES[name] : () => `${name || "an event without a name"}`;
  if (note === null) return null;
  const kind = /ended|failed|timed|timeout/.test(`${name} ${text(event.state)}`) ? "strong" : "";
  return h("div", { class: `note ${kind}` }, h("span", {}, note(event, chat, entry)), h("time", {}, clock(at)));
}

/** msg id -> delivered or read: from the client for the agents' messages, and the other way round. */
export function receipts(entries) {
  const found = { agent: new Map(), customer: new Map() };
  for (const { event, direction } of entries) {
    const read = event.event === "chat_session_message_read";
    if (!read && event.event !== "chat_session_message_delivered") continue;
    const side = found[direction === "from_client" ? "agent" : "customer"];
    const msgId = text(event.ref_msg_id ?? event.msg_id);
    if (read || !side.has(msgId)) side.set(msgId, read ? "read" : "delivered");
  }
  return found;
}

/** What the customer is typing now: null, or the draft if the client sends it. */
export function typing(entries) {
  for (let index = entries.length - 1; index >= 0; index--) {
    const { event, direction } = entries[index];
    if (direction !== "from_client") continue;
    if (event.event === "chat_session_typing") return text(event.msg);
    if (/not_typing|message$|disconnect|chat_session_end$|file|form_data/.test(event.event)) return null;
  }
  return null;
}
