// What this page knows: chats with their logs, the traffic, the faults, the customers. Views are drawn again when it changes.

import { control, customers, toast } from "./api.js";
import { batched } from "./dom.js";

const WIRE_KEPT = 1000;
const FAULTS_KEPT = 500;

export const store = {
  chats: new Map(), // id -> { chat, entries, whole, phases, seen }
  selected: null,
  wire: new Map(), // number -> exchange
  faults: [],
  customers: new Map(), // client id -> screen
  offset: 0, // server's clock less ours
  connected: false,
};

const views = [];

/** Draw again, soon. */
export const changed = batched(() => views.forEach((draw) => draw()));

/** `draw` is called after changes. */
export const onChange = (draw) => views.push(draw);

export const now = () => Date.now() + store.offset;

export const current = () => store.chats.get(store.selected) ?? null;

/** The screen of the customer who is in this chat, if they are on this page. */
export const customerOf = (chatId) => [...store.customers.values()].find((one) => one.chat_id === chatId) ?? null;

export function select(chatId) {
  store.selected = chatId;
  const found = current();
  if (found) {
    found.seen = found.chat.entries;
    if (!found.whole) load(chatId);
  }
  changed();
}

function learn(chat) {
  const known = store.chats.get(chat.chat_id);
  if (known) {
    known.chat = chat;
    if (known.phases.at(-1) !== chat.phase) known.phases.push(chat.phase);
    return known;
  }
  const fresh = { chat, entries: [], whole: chat.entries === 0, phases: [chat.phase], seen: 0 };
  store.chats.set(chat.chat_id, fresh);
  return fresh;
}

/** A customer's screen, unless a newer one is known: answers and the feed overtake each other. */
export function learnCustomer(screen) {
  if (screen.version >= (store.customers.get(screen.id)?.version ?? 0)) store.customers.set(screen.id, screen);
}

async function load(chatId) {
  try {
    const { chat, entries } = await control.chat(chatId);
    Object.assign(learn(chat), { entries, whole: true });
  } catch {
    store.chats.delete(chatId); // the centre forgets old chats
  }
  changed();
}

async function resync({ observed }) {
  document.documentElement.classList.toggle("observed", observed); // of a proxy: nothing can be steered
  const before = [...store.chats.keys()];
  const { now: theirs, chats } = await control.chats();
  store.offset = theirs - Date.now();
  const known = new Set(chats.map((chat) => chat.chat_id));
  for (const chatId of before) if (!known.has(chatId)) store.chats.delete(chatId);
  for (const chat of chats) {
    if (store.chats.get(chat.chat_id)?.chat.entries > chat.entries) continue; // the feed has overtaken this answer
    const found = learn(chat);
    if (found.entries.length !== chat.entries) found.whole = false;
  }
  if (store.selected) select(store.selected);
  changed();
}

function onChat({ chat, from, entries }) {
  const isNew = !store.chats.has(chat.chat_id);
  const found = learn(chat);
  if (isNew && from === 0) found.whole = true;
  if (from <= found.entries.length) {
    found.entries.push(...entries.slice(found.entries.length - from));
  } else {
    found.whole = false;
    if (store.selected === chat.chat_id) load(chat.chat_id);
  }
  if (!current()) select(chat.chat_id);
  if (store.selected === chat.chat_id && !document.hidden) found.seen = chat.entries;
}

function json(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function onRequest(request) {
  if (store.wire.has(request.number)) return;
  store.wire.set(request.number, { ...request, sent: json(request.body), reply: null, got: null });
  if (store.wire.size > WIRE_KEPT) store.wire.delete(store.wire.keys().next().value);
}

function onReply(reply) {
  const exchange = store.wire.get(reply.number);
  if (!exchange) return;
  exchange.reply = reply;
  exchange.got = json(reply.body);
  exchange.chat_id ??= typeof exchange.got?.chat_id === "string" ? exchange.got.chat_id.toLowerCase() : null;
}

function onFault(fault) {
  const key = JSON.stringify([fault.rule, fault.chat_id, fault.at, fault.message]);
  if (store.faults.some((one) => one.key === key)) return;
  store.faults.push({ ...fault, key });
  if (store.faults.length > FAULTS_KEPT) store.faults.shift();
}

function listen(url, handlers) {
  const source = new EventSource(url);
  for (const [event, handle] of Object.entries(handlers)) {
    source.addEventListener(event, (message) => {
      Promise.resolve(handle(JSON.parse(message.data))).catch((error) => toast(error.message, "bad"));
      changed();
    });
  }
  return source;
}

/** Follow the emulator. */
export function follow() {
  const feed = listen("/_control/feed", {
    resync,
    chat: onChat,
    request: onRequest,
    reply: onReply,
    fault: onFault,
  });
  feed.onopen = () => {
    store.connected = true;
    changed();
  };
  feed.onerror = () => {
    store.connected = false;
    changed();
  };
  listen("customers/feed", {
    customer: learnCustomer,
    left: ({ id }) => store.customers.delete(id),
  });
  customers.all().then(({ customers: all }) => {
    all.forEach(learnCustomer);
    changed();
  }, () => {});
}
