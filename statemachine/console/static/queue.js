// The list of chats: waiting, active, ended.

import { h, show, span } from "./dom.js";
import { now, onChange, select, store } from "./store.js";

const WAITING = new Set(["establishing", "ivr", "queued", "connecting"]);

const rank = ({ chat }) => (!chat.live ? 2 : WAITING.has(chat.phase) ? 0 : 1);

/** Chats in the order of the list: waiting ones first, the longest wait on top; then active ones; then ended ones. */
export function ordered() {
  return [...store.chats.values()].sort((one, other) => {
    const difference = rank(one) - rank(other);
    if (difference) return difference;
    const older = one.chat.created_at - other.chat.created_at;
    return rank(one) === 2 ? -older : older;
  });
}

/** Select the next (1) or the previous (-1) chat. */
export function step(by) {
  const all = ordered();
  const at = all.findIndex((one) => one.chat.chat_id === store.selected);
  const found = all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
  if (found) select(found.chat.chat_id);
  document.querySelector("#chats [aria-current]")?.scrollIntoView({ block: "nearest" });
}

function lastText(entries) {
  for (let index = entries.length - 1; index >= 0; index--) {
    const { event, direction, text } = entries[index];
    if (event.event === "chat_session_message") return (direction === "from_client" ? "" : "↪ ") + text.slice(0, 200);
  }
  return "";
}

function line(one) {
  const { chat, entries, seen } = one;
  const faults = store.faults.filter((fault) => fault.chat_id === chat.chat_id).length;
  const unread = entries.slice(seen).some((entry) => entry.direction === "from_client" && entry.event.event === "chat_session_message");
  return h(
    "li",
    {},
    h(
      "button",
      {
        type: "button",
        class: `chat ${chat.live ? "" : "over"}`,
        "aria-current": chat.chat_id === store.selected ? "true" : null,
        "data-chat": chat.chat_id,
      },
      h("span", { class: "who" }, unread && h("span", { class: "dot", title: "unread" }), chat.client.client_id),
      h("span", { class: "since" }, span((chat.ended_at ?? now()) - chat.created_at)),
      h("span", { class: "last" }, lastText(entries)),
      h(
        "span",
        { class: "marks" },
        h("span", { class: "phase", "data-phase": chat.phase }, chat.phase),
        chat.warned && h("span", { class: "phase", "data-phase": "warned" }, "warned"),
        faults > 0 && h("span", { class: "phase fault", title: "violations of this client" }, `${faults} ✗`),
      ),
    ),
  );
}

const GROUPS = ["Waiting", "Active", "Ended"];

export function queue(box, hint) {
  const draw = () => {
    const all = ordered();
    if (!all.length) {
      show(box, h("div", { class: "empty" }, h("p", {}, "No chats yet."), hint()));
      return;
    }
    const groups = GROUPS.map((title, at) => [title, all.filter((one) => rank(one) === at).slice(0, 200)]);
    show(
      box,
      groups.filter(([, found]) => found.length).map(([title, found]) => [
        h("h2", {}, title, h("span", { class: "count" }, String(found.length))),
        h("ul", { class: "list" }, found.map(line)),
      ]),
    );
  };
  onChange(draw);
  box.addEventListener("click", (event) => {
    const found = event.target.closest("[data-chat]");
    if (found) {
      select(found.dataset.chat);
      document.documentElement.dataset.view = "talk";
    }
  });
}
