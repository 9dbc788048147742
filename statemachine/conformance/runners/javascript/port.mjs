// The engine once more, in JavaScript: `node port.mjs path/to/table.json`, spoken to as MESSAGES.md says.
//
// What may happen when is read from the exported tables and interpreted here; how, the named guards, actions and makers,
// is written out below, by their names. Records are plain objects with their class in `$` and are never changed, only
// replaced: a step that is refused leaves nothing behind. Digests of what was told are this port's own (any will do: they
// never leave a snapshot), and so is the snapshot.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const table = JSON.parse(readFileSync(process.argv[2], "utf8"));

// --- shapes: classes, their tags and defaults, from the table ----------------------------------------------------

const KEYS = { from_: "from", type: "kind" };
const tagOf = (name) => name.replace(/(?<!^)(?=[A-Z])/g, "_").toLowerCase();

class Shape {
  constructor({ name, fields }) {
    this.name = name;
    this.tag = tagOf(name);
    this.fields = fields.map((field) => ({ ...field, key: KEYS[field.name] ?? field.name }));
  }
}

const shapes = new Map();
for (const one of [...table.events, ...table.entries, ...table.commands, ...table.updates, ...table.records]) {
  shapes.set(one.name, new Shape(one));
}
const READABLE = [...table.events.map((one) => one.name), ...table.unions.Entry, ...table.unions.Reply];
const byTag = new Map(READABLE.map((name) => [shapes.get(name).tag, shapes.get(name)]));

function record(name, given = {}) {
  const made = { $: name };
  for (const field of shapes.get(name).fields) {
    made[field.name] = field.name in given ? given[field.name] : field.default;
  }
  return made;
}

function read(value) {
  if (Array.isArray(value)) return value.map(read);
  if (value === null || typeof value !== "object") return value;
  const shape = byTag.get(value.type);
  if (!shape) throw new Error(`unknown type ${JSON.stringify(value.type)}`);
  const made = { $: shape.name };
  for (const field of shape.fields) {
    if (field.key in value) made[field.name] = field.name === "after" ? value.after : read(value[field.key]);
    else if ("default" in field) made[field.name] = field.default;
    else throw new Error(`${value.type}: ${field.key} is missing`);
  }
  return made;
}

function write(value) {
  if (Array.isArray(value)) return value.map(write);
  if (value === null || typeof value !== "object") return value;
  const shape = shapes.get(value.$);
  const said = { type: shape.tag };
  for (const field of shape.fields) {
    const item = value[field.name];
    const isDefault = "default" in field && (item === field.default || isEmpty(item, field.default));
    if (!isDefault) said[field.key] = write(item);
  }
  return said;
}

const isEmpty = (item, other) => Array.isArray(item) && Array.isArray(other) && item.length + other.length === 0;

// Python counts characters, not UTF-16 units.
const clip = (text, limit) => (text.length <= limit ? text : Array.from(text).slice(0, limit).join(""));
const isLonger = (text, limit) => text.length > limit && Array.from(text).length > limit;
const lower = (text) => text.toLowerCase();
const evolve = (one, changes) => ({ ...one, ...changes });
const is = (one, ...names) => one !== null && one !== undefined && names.includes(one.$);

function canonical(text) {
  const sorted = (value) =>
    Array.isArray(value)
      ? value.map(sorted)
      : value !== null && typeof value === "object"
        ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]))
        : value;
  return JSON.stringify(sorted(JSON.parse(text)));
}

// --- states ------------------------------------------------------------------------------------------------------

const machines = Object.fromEntries(table.machines.map((machine) => [machine.name, machine]));
const stateSpecs = {};
for (const machine of table.machines) {
  stateSpecs[machine.name] = Object.fromEntries(machine.states.map((state) => [state.name, state]));
}

function state(machine, name, given = {}) {
  const spec = stateSpecs[machine][name];
  const made = { name, due: null, call: null, ...spec.constants };
  for (const field of spec.fields) made[field.name] = field.name in given ? given[field.name] : field.default;
  return made;
}

const LIVE = machines.lifecycle.groups.LIVE;
const TERMINAL = machines.lifecycle.terminal;
class Refused extends Error {}

// --- the session, and the draft of a step ------------------------------------------------------------------------

const FIELDS = [
  "now", "ids", "seq", "config", "chat", "lifecycle", "opening", "attention", "connection", "history", "presence",
  "items", "ephemeral", "ephemeral_queue", "participants", "window",
];

function newSession(at, config) {
  const numbers = Object.fromEntries(table.config.map((one) => [one.name, config[one.name] ?? one.default]));
  const begin = (name) => state(name, machines[name].initial);
  return {
    now: at,
    ids: 0,
    seq: 0,
    config: numbers,
    chat: record("Chat"),
    lifecycle: begin("lifecycle"),
    opening: begin("opening"),
    attention: begin("attention"),
    connection: begin("connection"),
    history: begin("history"),
    presence: begin("presence"),
    items: [],
    ephemeral: begin("ephemeral"),
    ephemeral_queue: { pending: [], due: null },
    participants: { parties: [], typists: [], forms: [] },
    window: { entries: [], batches: [], marks: [], anomalies: 0 },
  };
}

class Draft {
  constructor(session, now) {
    Object.assign(this, session);
    this.base = session;
    this.now = now;
    this.updates = [];
    this.anomalies = [];
    this.item = null;
    this.subject = null;
    this.end = null;
    this.applyingEnd = false;
    this.finish = null;
    this.fresh = this.reading = this.past = this.newest = false;
  }

  nextId() {
    return (this.ids += 1);
  }

  emit(name, given) {
    this.seq += 1;
    this.updates.push(record(name, { seq: this.seq, at: this.now, ...given }));
  }

  received(entry, given = {}) {
    this.emit("Received", { entry, ...given });
  }

  delivery(item, to, given = {}) {
    this.emit("DeliveryUpdate", { item: item.id, state: to, key: item.key, note: item.note, ...given });
  }

  noteAnomaly(kind, detail = "") {
    this.window = evolve(this.window, { anomalies: this.window.anomalies + 1 });
    const leftOut = this.window.anomalies - this.base.window.anomalies - ANOMALIES;
    if (leftOut <= 0) this.anomalies.push(record("Anomaly", { at: this.now, kind, detail }));
    else this.anomalies[ANOMALIES] = record("Anomaly", { at: this.now, kind: "more_anomalies", detail: `${leftOut} more` });
  }

  freeze() {
    const base = this.base;
    const same = FIELDS.every((name) => name === "now" || this[name] === base[name] || equal(this[name], base[name]));
    if (same && this.now >= base.now) return base;
    return Object.fromEntries(FIELDS.map((name) => [name, this[name]]));
  }
}

const phaseOf = (s) =>
  s[table.view.machine].name === table.view.state && table.view.hides.includes(s.lifecycle.name)
    ? table.view.state
    : s.lifecycle.name;
const isLive = (d) => LIVE.includes(d.lifecycle.name);
const isOver = (d) => TERMINAL.includes(d.lifecycle.name);
const isEnding = (d) => d.lifecycle.name === "ending";

// --- timing ------------------------------------------------------------------------------------------------------

const after = (d, ms) => d.now + (ms > 0 ? ms : 1);
const answerDue = (d, timeout) => after(d, timeout + d.config.answer_margin);

function backOff(d, tries, { cap = null, retryAfter = null } = {}) {
  const c = d.config;
  let pause = Math.min(c.backoff_start * 2 ** Math.min(tries - 1, 16), cap ?? c.backoff_cap);
  if (retryAfter !== null) pause = Math.max(pause, Math.min(retryAfter, c.retry_after_cap));
  return { due: after(d, pause), slack: Math.floor(pause / 2) };
}

const retryAfter = (e) => (is(e, "Failure") ? e.retry_after : null);
const failureCode = (e) => (is(e, "Failure") ? e.code || e.status : null);
const failureWords = (e) =>
  is(e, "Failure") ? { reason: e.kind, code: failureCode(e), detail: e.detail } : { reason: null, code: null, detail: "" };

// --- memory ------------------------------------------------------------------------------------------------------

const BATCHES = 4;
const MARKS = 256;
const ANOMALIES = 32;
const SILENCE = "0".repeat(16);
const NO_ID = ["", "null"];
const declared = Object.fromEntries(table.entries.map((entry) => [entry.name, entry]));
const entriesWhere = (holds) => table.entries.filter(holds).map((entry) => entry.name);
const hasField = (entry, name) => entry.fields.some((field) => field.name === name);
const TRANSCRIPT = entriesWhere((entry) => entry.effect === "transcript");
const BY_MESSAGE_ID = entriesWhere(
  (entry) => entry.effect === "transcript" && hasField(entry, "msg_id") && hasField(entry, "party_id"),
);
const BY_REQUEST_ID = entriesWhere((entry) => entry.key.join() === "form_request_id");

const valueOf = (e, name) => (name === "party_id" ? lower(e.party_id) : e[name]);
const content = (e) => [e.$, ...declared[e.$].key.map((name) => valueOf(e, name))].join("|");
const isRemembered = (e) => TRANSCRIPT.includes(e.$);

const digest = (text) => createHash("sha256").update(Buffer.from(text, "utf16le")).digest("hex").slice(0, 16);
const keyed = (d, text) => digest(`${lower(d.chat.chat_id)}|${text}`);
const count = (window, one) => window.reduce((n, other) => n + (other === one ? 1 : 0), 0);
const last = (list, n) => (n > 0 ? list.slice(-n) : []);

function isOwn(d, e) {
  if (e.party_id) return lower(e.party_id) === lower(d.chat.chat_id);
  return e.$ === "File" || (d.chat.origin !== "" && e.msg_id.startsWith(`${d.chat.origin}:`));
}

const isOurs = (d, e) => BY_MESSAGE_ID.includes(e.$) && isOwn(d, e);
const ownKey = (d, id) => keyed(d, `own|${id}`);
const beginning = (d) => keyed(d, "beginning");
const firstRead = (d) => keyed(d, "first read");
const ownFileKey = (d, e) => keyed(d, `own|file|${e.file_id}`);
const isFull = (d) => d.window.entries.length >= d.config.window;
const logWasRead = (d) =>
  isFull(d) || d.window.entries.includes(beginning(d)) || d.window.entries.includes(firstRead(d));
const holdsTranscript = (entries) => entries.some(isRemembered);

function markFirstReading(d, entries) {
  const mark = holdsTranscript(entries) ? firstRead(d) : beginning(d);
  d.window = evolve(d.window, { entries: [mark, ...d.window.entries] });
}

function key(d, e) {
  if (BY_MESSAGE_ID.includes(e.$) && !NO_ID.includes(e.msg_id)) {
    return [keyed(d, `${isOwn(d, e) ? "own" : "other"}|${e.msg_id}`), true];
  }
  if (e.$ === "File" && isOwn(d, e)) return [ownFileKey(d, e), true];
  if (!NO_ID.includes(e.msg_id ?? "")) return [keyed(d, `${e.$}|id ${e.msg_id}`), true];
  return [keyed(d, content(e)), BY_REQUEST_ID.includes(e.$)];
}

function datable(e) {
  if (!NO_ID.includes(e.msg_id ?? "") || BY_REQUEST_ID.includes(e.$)) return true;
  return (e.timestamp ?? null) !== null;
}

function remember(d, one) {
  d.window = evolve(d.window, { entries: last([...d.window.entries, one], d.config.window) });
}

class Known {
  constructor(d) {
    this.before = d.window.entries;
    this.added = new Set();
    this.left = new Map();
  }

  holds(one) {
    return this.added.has(one) || this.before.includes(one);
  }

  accountsFor(one) {
    const left = this.left.has(one) ? this.left.get(one) : count(this.before, one);
    this.left.set(one, left - 1);
    return left > 0;
  }
}

function isKnown(d, e, known) {
  const [one, strong] = key(d, e);
  let told;
  if (strong) told = known.holds(one) || d.window.entries.includes(one) || wasSettled(d, e);
  else if (!d.reading && !datable(e)) told = false;
  else told = known.accountsFor(one);
  if (!told) {
    remember(d, one);
    known.added.add(one);
  }
  return told;
}

function wasSettled(d, e) {
  if (!d.reading || !isFull(d) || !isOurs(d, e) || !d.chat.origin) return false;
  return e.msg_id.startsWith(`${d.chat.origin}:`) && d.items.every((item) => item.id !== e.msg_id);
}

function rememberSent(d, item) {
  const keys = [ownKey(d, item.id), ...(is(item.entry, "File") ? [ownFileKey(d, item.entry)] : [])];
  for (const one of keys) if (!d.window.entries.includes(one)) remember(d, one);
  if (item.key !== null) mark(d, "key", item.key);
}

function mark(d, kind, name) {
  d.window = evolve(d.window, { marks: last([...d.window.marks, marked(d, kind, name)], MARKS) });
}

const isMarked = (d, kind, name) => d.window.marks.includes(marked(d, kind, name));
const marked = (d, kind, name) => (kind === "key" ? digest(`key|${name}`) : keyed(d, `${kind}|${name}`));

function knowsSome(d) {
  const marks = [beginning(d), firstRead(d)];
  return d.window.entries.some((one) => !marks.includes(one));
}

function noteBatch(d, one) {
  d.window = evolve(d.window, { batches: last([...d.window.batches, one], BATCHES) });
}

function noteSilence(d) {
  if (d.window.batches.length && d.window.batches.at(-1) !== SILENCE) noteBatch(d, SILENCE);
}

function essence(e) {
  if (isRemembered(e)) return `${content(e)}|${e.msg_id ?? ""}`;
  return [e.$, ...shapes.get(e.$).fields.map((field) => String(e[field.name]))].join("|");
}

function isRepeatedBatch(d, entries, polled) {
  if (!holdsTranscript(entries) && !polled) return false;
  const one = keyed(d, entries.map(essence).join("\n"));
  const known = entries.some(datable) ? d.window.batches.includes(one) : d.window.batches.at(-1) === one;
  if (!known) noteBatch(d, one);
  return known;
}

// --- the room ----------------------------------------------------------------------------------------------------

const NOT_AGENTS = ["scenario", "external"];
const folded = (d, text) => lower(clip(text, d.config.id_limit));
const same = (d, one, other) => folded(d, one) === folded(d, other);
const isAgent = (party) => !NOT_AGENTS.includes(lower(party.type));
const hasAgent = (d) => d.participants.parties.some(isAgent);
const setParticipants = (d, changes) => (d.participants = evolve(d.participants, changes));

function hasNewAgent(d) {
  const before = d.base.participants.parties.map((party) => lower(party.id));
  return d.participants.parties.some((party) => isAgent(party) && !before.includes(lower(party.id)));
}

const joinsAsAgent = (d, e) => !NOT_AGENTS.includes(folded(d, e.type)) && !same(d, e.party_id, d.chat.chat_id);

function isLastAgent(d, e) {
  const agents = d.participants.parties.filter(isAgent);
  return agents.length === 1 && same(d, agents[0].id, e.party_id);
}

function addParty(d, e) {
  if (same(d, e.party_id, d.chat.chat_id)) return;
  const limit = d.config.id_limit;
  let others = d.participants.parties.filter((party) => !same(d, party.id, e.party_id));
  if (others.length >= d.config.parties_limit) {
    const dropped = others.find((party) => !isAgent(party)) ?? others[0];
    others = others.filter((party) => party !== dropped);
    d.noteAnomaly("roster_full", "a party was dropped");
  }
  const party = { id: clip(e.party_id, limit) };
  for (const name of ["type", "display_name", "first_name", "last_name"]) party[name] = clip(e[name], limit);
  const parties = [...others, party];
  if (!equal(parties, d.participants.parties)) setParticipants(d, { parties });
}

const equal = (one, other) => JSON.stringify(one) === JSON.stringify(other);

function removeParty(d, e) {
  const parties = d.participants.parties.filter((party) => !same(d, party.id, e.party_id));
  const typists = d.participants.typists.filter((typist) => !same(d, typist.party_id, e.party_id));
  if (parties.length !== d.participants.parties.length || typists.length !== d.participants.typists.length) {
    setParticipants(d, { parties, typists });
  }
}

function removeAgents(d) {
  const parties = d.participants.parties.filter((party) => !isAgent(party));
  if (parties.length !== d.participants.parties.length) setParticipants(d, { parties, typists: [] });
}

function rebuildRoster(d, entries) {
  const before = d.participants;
  d.participants = { parties: [], typists: before.typists, forms: before.forms };
  for (const e of entries) {
    if (e.$ === "PartyJoined") addParty(d, e);
    else if (e.$ === "PartyLeft") removeParty(d, e);
  }
  if (equal(d.participants, before)) d.participants = before;
}

const isOwnTyping = (d, e) => same(d, e.party_id, d.chat.chat_id);

function showTyping(d, e) {
  const party_id = clip(e.party_id, d.config.id_limit);
  const others = d.participants.typists.filter((typist) => !same(d, typist.party_id, party_id));
  const typists = [...others, { party_id, due: after(d, d.config.remote_typing_expires) }];
  setParticipants(d, { typists: last(typists, d.config.parties_limit) });
}

function hideTyping(d, e) {
  const typists = d.participants.typists.filter((typist) => !same(d, typist.party_id, e.party_id));
  if (typists.length !== d.participants.typists.length) setParticipants(d, { typists });
}

const formOf = (d, id) => d.participants.forms.find((form) => form.id === id);
const isPrompt = (form) => !form.name && !form.secure && !form.answer;
const promptOf = (d) => d.participants.forms.findLast(isPrompt);

function keepForms(d, keep) {
  const forms = d.participants.forms.filter(keep);
  if (forms.length !== d.participants.forms.length) setParticipants(d, { forms });
}

function isOpenForm(d, e) {
  const found = formOf(d, e.form_request_id);
  return Boolean(found) && !found.answer && found.secure === (e.$ === "AnswerSecureForm");
}

function isAnyOpenForm(d, e) {
  const found = formOf(d, e.form_request_id);
  return Boolean(found) && !found.answer;
}

function openForm(d, e) {
  const limit = d.config.id_limit;
  const secure = e.$ === "SecureFormShow";
  const due = secure || e.form_timeout === null ? null : after(d, e.form_timeout);
  const made = {
    id: clip(e.form_request_id, limit),
    name: clip(secure ? e.form_id : e.form_name, limit),
    secure,
    due,
    answer: "",
    expired: false,
  };
  let others = d.participants.forms.filter((form) => form.id !== made.id && !(isPrompt(made) && isPrompt(form)));
  if (others.length >= d.config.forms_limit) {
    others = others.slice(1);
    d.noteAnomaly("forms_full", "the earliest form was dropped");
  }
  setParticipants(d, { forms: [...others, made] });
}

function expireForms(d) {
  const forms = d.participants.forms.map((form) =>
    form.due === null || form.due > d.now ? form : evolve(form, { due: null, expired: true }),
  );
  setParticipants(d, { forms: forms.filter((form) => form.answer || !form.expired) });
}

function reserveForm(d, id, answer) {
  setParticipants(d, { forms: d.participants.forms.map((form) => (form.id === id ? evolve(form, { answer }) : form)) });
}

function settleForm(d) {
  if (d.subject.form) setParticipants(d, { forms: d.participants.forms.filter((form) => form.answer !== d.subject.id) });
}

function releaseForm(d) {
  if (!d.subject.form) return;
  const forms = d.participants.forms.map((form) => (form.answer === d.subject.id ? evolve(form, { answer: "" }) : form));
  setParticipants(d, { forms: forms.filter((form) => form.answer || !form.expired) });
}

function setChat(d, name, text) {
  const value = clip(text, d.config.id_limit);
  if (value !== d.chat[name]) d.chat = evolve(d.chat, { [name]: value });
}

// --- conversation ------------------------------------------------------------------------------------------------

const neverLeft = (item) => item.state.name === "pending" && item.state.tries === 0;

// A text that was yet to answer a prompt, which somebody else has answered or cancelled, is a text again.
function textAgain(item) {
  const ours = item.entry;
  if (ours === null || ours.$ !== "FormData" || ours.form_name || !neverLeft(item)) return item;
  const data = JSON.parse(ours.data);
  if (Object.keys(data).join() !== "text" || typeof data.text !== "string") return item;
  return evolve(item, { entry: record("Message", { msg_id: item.id, msg_text: data.text }), form: "" });
}

function sameThing(item, theirs) {
  const ours = item.entry;
  if (ours.$ === "SessionDisconnect") return theirs.$ === "SessionDisconnect";
  if (ours.$ === "File") return theirs.$ === "File" && ours.file_id === theirs.file_id && theirs.file_id !== "";
  if (ours.$ !== "FormData" || theirs.$ !== "FormData" || neverLeft(item)) return false;
  return ours.form_request_id === theirs.form_request_id;
}

const ownItem = (d, e) =>
  d.items.find((item) => (e.msg_id ?? "") === item.id || (item.entry !== null && sameThing(item, e)));
const echoesItem = (d, e) => d.items.length > 0 && ownItem(d, e) !== undefined;
const echoesSpoken = (d, e) => d.items.length > 0 && isOwn(d, e) && ownItem(d, e) !== undefined;

function isProof(d, e) {
  if (is(e, "Message", "File", "Location")) return echoesSpoken(d, e);
  return is(e, "FormData", "Navigation") && echoesItem(d, e);
}

const isAnsweredPast = (d) => d.reading && !d.newest;
const hasReceiptId = (d, id) => id.length > 0 && !isLonger(id, d.config.id_limit);
const wantsReceipt = (d, e) => d.config.receipts && d.config.api === "v2" && hasReceiptId(d, e.msg_id) && !d.past;

function canRead(d, e) {
  if (d.config.api !== "v2" || !hasReceiptId(d, e.msg_id) || isMarked(d, "read", e.msg_id)) return false;
  return !e.msg_id.startsWith(`${d.chat.origin}:`);
}

function typingIsNew(d) {
  const due = d.ephemeral_queue.due;
  return due === null || due - d.now <= d.config.typing_expires - d.config.typing_every;
}

function endWasSent(d) {
  return isEnding(d) && d.opening.name === "idle" && !d.items.some((item) => is(item.entry, "SessionEnd"));
}

function queueEphemeral(d, entry, due) {
  let pending = d.ephemeral_queue.pending;
  if (is(entry, "Typing", "NotTyping")) pending = pending.filter((one) => !is(one, "Typing", "NotTyping"));
  else if (entry.$ === "MessageRead") {
    const about = (one) => is(one, "MessageDelivered", "MessageRead") && one.ref_msg_id === entry.ref_msg_id;
    pending = pending.filter((one) => !about(one));
  }
  if (pending.length >= d.config.ephemeral_limit) {
    pending = pending.slice(1);
    d.noteAnomaly("receipts_dropped", "too many were waiting");
  }
  d.ephemeral_queue = { pending: [...pending, entry], due };
}

const oweNotTyping = (d) => queueEphemeral(d, record("NotTyping"), null);

function forgetTyping(d) {
  const due = d.ephemeral_queue.due;
  if (due === null) return;
  const announcing = d.ephemeral.name === "posting" && d.ephemeral.entry.$ === "Typing";
  const pending = d.ephemeral_queue.pending.filter((one) => !is(one, "Typing", "NotTyping"));
  d.ephemeral_queue = { pending, due: announcing ? due : null };
}

const outcome = (text, code) => (d, e) => (d.finish = { text: text ? e.msg : "", code: code ? failureCode(e) : null });

function emitOutcome(d) {
  if (d.finish === null) return;
  const { name: phase, outcome } = d.lifecycle;
  d.emit("Finished", { phase, outcome, ...d.finish });
  d.finish = null;
}

const reportGap = (d) => d.emit("HistoryGap");

// --- the queue out -----------------------------------------------------------------------------------------------

const ABSENT = state("item", "absent");
const WAITING = ["uploading", "pending", "sending", "in_doubt"];
const SENDABLE = table.unions.SendableEntry;
const RECEIPTED = ["Message", "File", "Location"];
const NUMBERED = entriesWhere((entry) => hasField(entry, "msg_id"));

const texts = (one) => Object.entries(one).filter(([name, value]) => name !== "$" && typeof value === "string");

function isTooLong(d, e) {
  const parts = [...texts(e), ...(e.entry ? texts(e.entry) : [])];
  return parts.some(([, text]) => isLonger(text, d.config.text_limit));
}

const queueIsFull = (d) => d.items.filter((one) => WAITING.includes(one.state.name)).length >= d.config.items_limit;

function keyIsKnown(d, e) {
  if (e.key === null) return false;
  return d.items.some((item) => item.key === e.key) || isMarked(d, "key", e.key);
}

function newItem(d, entry, itemKey = null, more = {}) {
  const id = `${d.chat.origin}:${d.nextId()}`;
  const named = is(entry, ...NUMBERED) ? evolve(entry, { msg_id: id }) : entry;
  d.item = ABSENT;
  d.subject = { id, state: ABSENT, entry: named, key: itemKey, ref: "", name: "", form: "", note: "", ...more };
  return d.subject;
}

const queueText = (d, e) => newItem(d, record("Message", { msg_text: e.text }), e.key, { note: e.note });

function queueFormItem(d, found, name, given, e) {
  const entry = record(name, { form_request_id: found.id, form_name: found.name, ...given });
  reserveForm(d, found.id, newItem(d, entry, e.key, { form: found.id, note: e.note ?? "" }).id);
}

function queueFile(d, e) {
  const item = newItem(d, null, e.key, { ref: e.ref, name: e.name, note: e.note });
  const entry = record("File", { file_id: "", file_type: e.type, file_name: e.name, msg_id: item.id });
  d.subject = evolve(item, { entry });
}

const canSend = (d) => d.chat.chat_id !== "" && d.presence.name === "present" && d.connection.name !== "blocked";
const mayPost = (d) => canSend(d) && !endWasSent(d);

function nextToSend(d) {
  const head = d.items.find((item) => ["pending", "sending", "in_doubt"].includes(item.state.name));
  const upload = d.items.find((item) => item.state.name === "uploading");
  return [head, upload].filter((item) => item !== undefined);
}

function withoutReceipts(d) {
  const tracked = d.items.filter((item) => ["sent", "delivered"].includes(item.state.name));
  const awaited = tracked.filter((item) => item.entry === null);
  const dropped = Math.max(0, awaited.length - d.config.tracked_limit);
  return [...tracked.filter((item) => item.entry !== null), ...awaited.slice(0, dropped)];
}

const subjectIs = (...names) => (d) => is(d.subject.entry, ...names);
const triesOf = (one) => one.tries ?? 0;

function reportSent(d) {
  const item = d.subject;
  d.delivery(item, "sent");
  settleForm(d);
  rememberSent(d, item);
  const forgotten = is(item.entry, ...RECEIPTED) && d.config.api === "v2";
  d.subject = evolve(item, { entry: forgotten ? null : item.entry, form: "" });
}

const reportReceipt = (name) => (d, e) => d.delivery(d.subject, name, { party_id: e?.party_id ?? "" });

const reportFailed = (reason) => (d, e) => {
  const entry = d.subject.entry;
  d.delivery(d.subject, "failed", { reason, code: reason === "refused" ? failureCode(e) : null });
  if (is(entry, "FormData") && !entry.form_name) settleForm(d);
  else releaseForm(d);
};

function takeFileId(d, e) {
  const item = d.subject;
  const file_name = item.entry.file_name || e.file_name;
  d.subject = evolve(item, { entry: evolve(item.entry, { file_id: e.file_id, file_name }), ref: "" });
  d.items = d.items.filter((other) => other.id !== item.id);
}

function clearMessageId(d) {
  d.subject = evolve(d.subject, { entry: evolve(d.subject.entry, { msg_id: "" }) });
}

function pausedItem(d, e, name) {
  const tries = triesOf(d.item) + 1;
  return state("item", name, { call: null, tries, ...backOff(d, tries, { retryAfter: retryAfter(e) }) });
}

const settledAt = (d, e) =>
  after(d, Math.max(d.config.settle, Math.min(retryAfter(e) ?? 0, d.config.retry_after_cap)));

function storeItem(d) {
  const made = evolve(d.subject, { state: d.item });
  if (["absent", "read", "failed"].includes(d.item.name)) {
    d.items = d.items.filter((item) => item.id !== made.id);
  } else if (d.items.some((item) => item.id === made.id)) {
    d.items = d.items.map((item) => (item.id === made.id ? made : item));
  } else {
    d.items = [...d.items, made];
  }
}

// --- finding a chat ----------------------------------------------------------------------------------------------

const chatHasEnded = (d, e) => ["failed", "completed"].includes(lower(e.state));

function applyCarryover(d, e) {
  if (d.now >= 1e9 && d.now < 1e10) {
    d.noteAnomaly("seconds", "the times of events look like seconds, and must be milliseconds since the epoch");
  }
  const past = e.after && pastOf(e.after);
  if (!past) {
    d.chat = record("Chat", { origin: e.origin });
    return;
  }
  d.chat = record("Chat", { origin: past.origin || e.origin, former: past.chat_id });
  d.ids = Math.max(d.ids, past.ids);
  d.seq = Math.max(d.seq, past.seq);
  d.window = { ...past.window, anomalies: d.window.anomalies };
}

// The snapshot of the session before is all that is known of it.
const pastOf = (before) => ({
  chat_id: before.chat.chat_id || before.chat.former,
  origin: before.chat.origin,
  ids: before.ids,
  seq: before.seq,
  window: before.window,
});

function adoptChat(d, e) {
  if (lower(d.chat.former) !== lower(e.chat_id)) {
    d.window = { entries: [], batches: [], marks: d.window.marks, anomalies: d.window.anomalies };
  }
  d.chat = evolve(d.chat, { chat_id: e.chat_id, phone_number: e.phone_number });
}

const openingDue = (d) => answerDue(d, d.config.request_timeout);
const openingState = (d, name, given) => state("opening", name, { call: d.nextId(), due: openingDue(d), ...given });
const outcomeState = (name, outcome) => () => state("lifecycle", name, { outcome });

function tryLater(d, e, given) {
  const tries = d.opening.tries + 1;
  const pause = backOff(d, tries, { retryAfter: retryAfter(e) });
  return state("opening", "backing_off", { ...given, tries, ...failureWords(e), ...pause });
}

// --- connection and history --------------------------------------------------------------------------------------------

// Instant answers in a row: those that brought nothing, and all.
function fastPolls(d) {
  const connection = d.connection;
  const asked = connection.due - answerDue(d, d.config.poll_timeout) + d.now;
  if (connection.name !== "polling" || d.now - asked >= d.config.brake) return { fast_empty_polls: 0, fast_polls: 0 };
  return { fast_empty_polls: d.fresh ? 0 : connection.fast_empty_polls + 1, fast_polls: connection.fast_polls + 1 };
}

const fastPollsOf = ({ fast_empty_polls, fast_polls }) => ({ fast_empty_polls, fast_polls });
const excessOf = (d, fast) =>
  Math.max(fast.fast_empty_polls - d.config.brake_after, fast.fast_polls - d.config.brake_new_after);

const connectionState = (name, given) => state("connection", name, given);
const pollWith = (d, tries, fast = { fast_empty_polls: 0, fast_polls: 0 }) =>
  connectionState("polling", { call: d.nextId(), due: answerDue(d, d.config.poll_timeout), tries, ...fast });

function backingOff(d, e, cap = null) {
  const tries = triesOf(d.connection) + 1;
  const pause = backOff(d, tries, { cap, retryAfter: retryAfter(e) });
  return connectionState("backing_off", { tries, ...failureWords(e), ...pause });
}

function braking(d) {
  const fast = fastPolls(d);
  const pause = backOff(d, excessOf(d, fast), { cap: d.config.brake_cap });
  return connectionState("backing_off", { tries: 0, ...fast, ...pause });
}

const logCannotBeEmpty = (d) => knowsSome(d) || d.participants.parties.length > 0;
const logIsMissing = (d, e) => e.entries.length === 0 && logCannotBeEmpty(d);
const rejectionsOf = (d) => d.history.rejections ?? 0;
const mayRepeatReading = (d) => rejectionsOf(d) + 1 < d.config.limited_tries;
const historyState = (name, given) => state("history", name, given);
const readingWith = (d, tries, rejections) =>
  historyState("reading", { call: d.nextId(), due: answerDue(d, d.config.request_timeout), tries, rejections });

function readingLater(d, e, rejections = rejectionsOf(d)) {
  const tries = triesOf(d.history) + 1;
  return historyState("backing_off", { tries, rejections, ...backOff(d, tries, { retryAfter: retryAfter(e) }) });
}

// --- the vocabulary of the rows: name -> function, within each machine -------------------------------------------

const blockedCode = (d) => (d.connection.name === "blocked" ? d.connection.code : null);

const VOCABULARY = {
  lifecycle: {
    guards: {
      lacks_origin: (d, e) => !e.origin.trim(),
      is_too_long: isTooLong,
      has_first_text: (d, e) => Boolean(e.text),
      names_chat: (d, e) => Boolean(e.chat_id),
      end_was_sent: endWasSent,
      end_is_noted: (d) => d.end !== null,
      batch_is_open: (d) => !d.applyingEnd,
      has_agent: hasAgent,
      joins_as_agent: joinsAsAgent,
      is_last_agent: isLastAgent,
      has_new_agent: hasNewAgent,
      has_no_agent: (d) => !hasAgent(d),
      echoes_own_item: echoesSpoken,
      is_own: isOwn,
      is_historic: (d) => d.past,
      needs_receipt: wantsReceipt,
      is_followed_in_log: isAnsweredPast,
      is_own_typing: isOwnTyping,
      echoes_item: echoesItem,
      key_is_known: keyIsKnown,
      queue_is_full: queueIsFull,
      is_empty: (d, e) => !e.text,
      is_not_sendable: (d, e) => !is(e.entry, ...SENDABLE),
      answers_prompt: (d) => promptOf(d) !== undefined,
      is_open_form: isOpenForm,
      is_any_open_form: isAnyOpenForm,
      disconnect_is_queued: (d) => d.items.some((item) => is(item.entry, "SessionDisconnect")),
      announcement_is_due: typingIsNew,
      typing_is_announced: (d) => d.ephemeral_queue.due !== null,
      may_confirm_reading: canRead,
      may_confirm_delivery: (d, e) => !d.config.receipts && canRead(d, e) && !isMarked(d, "delivered", e.msg_id),
      is_about_this_chat: (d, e) => e.chat_id !== "" && lower(e.chat_id) === lower(d.chat.chat_id),
    },
    effects: {
      apply_carryover: applyCarryover,
      adopt_named_chat: (d, e) => adoptChat(d, record("ChatOpened", { chat_id: e.chat_id ?? "" })),
      mark_beginning: (d) => remember(d, beginning(d)),
      note_end: (d, e) => (d.end = e),
      report_outcome: outcome(false, false),
      report_outcome_with_text: outcome(true, false),
      report_outcome_with_code: outcome(false, true),
      clear_participants(d) {
        if (d.participants.typists.length || d.participants.forms.length) {
          d.participants = { parties: d.participants.parties, typists: [], forms: [] };
        }
      },
      drop_ephemeral(d) {
        if (d.ephemeral_queue.pending.length || d.ephemeral_queue.due !== null) d.ephemeral_queue = { pending: [], due: null };
      },
      close_prompts: (d) => keepForms(d, (form) => !isPrompt(form)),
      note_unknown_state: (d, e) => d.noteAnomaly("unknown_state", clip(e.state, d.config.id_limit)),
      note_unknown: (d, e) => d.noteAnomaly("unknown_entry", clip(e.name, d.config.id_limit)),
      note_malformed: (d, e) => d.noteAnomaly("malformed_entry", e.problem),
      add_party: addParty,
      remove_party: removeParty,
      remove_agents: removeAgents,
      report_own: (d, e) => d.received(e, { own: true, historic: d.past }),
      report_historic: (d, e) => d.received(e, { historic: true }),
      report: (d, e) => d.received(e),
      report_late: (d, e) => d.received(e, { own: is(e, "Message", "File", "Location") && isOwn(d, e), late: true }),
      hide_typing: hideTyping,
      show_typing: showTyping,
      expire_typing: (d) => setParticipants(d, { typists: d.participants.typists.filter((typist) => typist.due > d.now) }),
      queue_delivered: (d, e) => queueEphemeral(d, record("MessageDelivered", { ref_msg_id: e.msg_id }), d.ephemeral_queue.due),
      mark_delivered: (d, e) => mark(d, "delivered", e.msg_id),
      queue_read(d, e) {
        mark(d, "read", e.msg_id);
        queueEphemeral(d, record("MessageRead", { ref_msg_id: e.msg_id }), d.ephemeral_queue.due);
      },
      queue_typing: (d, e) => queueEphemeral(d, record("Typing", { msg: e.draft }), after(d, d.config.typing_expires)),
      queue_not_typing: oweNotTyping,
      take_back_typing(d) {
        if (d.ephemeral_queue.due !== null) oweNotTyping(d);
      },
      clear_typing: forgetTyping,
      open_form: openForm,
      close_form(d, e) {
        keepForms(d, (form) => form.id !== e.form_request_id);
        const items = d.items.map((item) => (item.form === e.form_request_id ? textAgain(item) : item));
        if (items.some((item, at) => item !== d.items[at])) d.items = items;
      },
      expire_forms: expireForms,
      set_case: (d, e) => setChat(d, "case_id", e.case_id),
      set_service: (d, e) => setChat(d, "service_name", e.service_name),
      queue_prompt_answer: (d, e) =>
        queueFormItem(d, promptOf(d), "FormData", { data: JSON.stringify({ text: e.text }) }, e),
      queue_text: queueText,
      queue_entry: (d, e) => newItem(d, e.entry, e.key, { note: e.note }),
      queue_file: queueFile,
      queue_form_answer: (d, e) =>
        queueFormItem(d, formOf(d, e.form_request_id), "FormData", { data: canonical(e.data) }, e),
      queue_secure_answer: (d, e) =>
        queueFormItem(d, formOf(d, e.form_request_id), "SecureFormData", { ref: e.ref }, e),
      queue_form_cancel(d, e) {
        const found = formOf(d, e.form_request_id);
        queueFormItem(d, found, found.secure ? "SecureFormCancel" : "FormDataCancel", {}, e);
      },
      queue_disconnect: (d) => newItem(d, record("SessionDisconnect")),
      queue_end: (d) => newItem(d, record("SessionEnd")),
    },
    makers: {
      requesting: (d) => state("lifecycle", "requesting", { due: after(d, d.config.request_within) }),
      ending: (d) => state("lifecycle", "ending", { due: after(d, d.config.ending_within) }),
      refused: outcomeState("failed", "refused"),
      gave_up: outcomeState("failed", "gave_up"),
      completed: outcomeState("ended", "completed"),
      queued(d, e) {
        const now = d.lifecycle;
        return now.name === "queued" && now.ewt === e.ewt ? now : state("lifecycle", "queued", { ewt: e.ewt });
      },
    },
  },
  opening: {
    guards: {
      customer_has_ended: isEnding,
      chat_has_ended: chatHasEnded,
      is_new_chat: (d, e) => e.is_new_chat === true,
      may_only_find: (d) => d.opening.find,
    },
    effects: { adopt_chat: adoptChat },
    makers: {
      creating: (d, e) =>
        openingState(d, "creating", {
          parameters: canonical(e.parameters),
          phone_number: e.phone_number,
          from_: e.from_,
        }),
      finding: (d) => openingState(d, "finding"),
      creating_again: (d) => {
        const { tries, parameters, phone_number, from_ } = d.opening;
        return openingState(d, "creating", { tries, parameters, phone_number, from_ });
      },
      finding_again: (d) => openingState(d, "finding", { tries: d.opening.tries }),
      to_create_later: (d, e) => tryLater(d, e, { ...d.opening, find: false }),
      to_find_later: (d, e) => tryLater(d, e, { find: true }),
      to_find_only: (d) => {
        const { due, tries, slack, reason, code, detail } = d.opening;
        return state("opening", "backing_off", { due, tries, slack, find: true, reason, code, detail });
      },
    },
  },
  attention: { guards: {}, effects: {}, makers: {} },
  connection: {
    guards: {
      is_spinning: (d) => excessOf(d, fastPolls(d)) > 0,
      has_failed_before: (d) => triesOf(d.connection) > 0,
      is_braking: (d) => d.connection.tries === 0,
      is_in_background: (d) => d.connection.paused,
      poll_is_in_flight: (d) => d.connection.call !== null,
      chat_is_known: (d) => d.chat.chat_id !== "",
    },
    effects: {},
    makers: {
      polling: (d) => pollWith(d, triesOf(d.connection)),
      polling_on: (d) => pollWith(d, 0, fastPolls(d)),
      polling_slowly: (d) => pollWith(d, 0, fastPollsOf(d.connection)),
      braking,
      backing_off_busy: (d, e) => backingOff(d, e, d.config.busy_cap),
      backing_off: (d, e) => backingOff(d, e),
      blocked: (d, e) => connectionState("blocked", { code: failureCode(e) }),
      blocked_while_paused: (d, e) => connectionState("blocked", { code: failureCode(e), paused: true }),
      blocked_in_background: (d) => connectionState("blocked", { code: blockedCode(d), paused: true }),
      blocked_in_foreground: (d) => connectionState("blocked", { code: blockedCode(d) }),
      paused: () => connectionState("paused"),
      paused_with_poll: (d) => connectionState("paused", { call: d.connection.call, due: d.connection.due }),
      resuming_poll: (d) => connectionState("polling", { call: d.connection.call, due: d.connection.due }),
      waiting: (d) => connectionState("off", { tries: triesOf(d.connection) }),
    },
  },
  history: {
    guards: {
      is_second_reading: (d) => d.history.name === "backing_off" && d.history.tries === 0,
      log_is_missing: logIsMissing,
      log_is_missing_so_far: (d, e) => logIsMissing(d, e) && mayRepeatReading(d),
      may_repeat_reading: mayRepeatReading,
    },
    effects: { report_gap: reportGap },
    makers: {
      reading: (d) => readingWith(d, triesOf(d.history), rejectionsOf(d)),
      reading_again: (d) => readingWith(d, 0, 0),
      stale: (d) => historyState("stale", d.history),
      reading_second: (d) =>
        historyState("backing_off", {
          due: after(d, d.config.settle),
          tries: 0,
          slack: Math.floor(d.config.settle / 2),
        }),
      reading_later: (d, e) => readingLater(d, e),
      reading_after_rejection: (d, e) => readingLater(d, e, rejectionsOf(d) + 1),
    },
  },
  presence: {
    guards: { poll_is_in_flight: (d) => d.connection.call !== null },
    effects: {},
    makers: { doubted: (d) => state("presence", "doubted", { due: after(d, d.config.presence_timeout) }) },
  },
  item: {
    guards: {
      may_post: mayPost,
      may_retry: (d) => d.item.tries + 1 < d.config.limited_tries,
      may_repeat_post: (d) => triesOf(d.item) + 1 < d.config.limited_tries,
      resets_idle_timer: subjectIs(...entriesWhere((entry) => entry.resets_idle_timer)),
      is_repeatable: subjectIs(...entriesWhere((entry) => entry.in_doubt === "resend")),
      is_traceless: subjectIs(...entriesWhere((entry) => entry.in_doubt === "unknown")),
            has_deadline: (d) => d.item.due !== null,
      is_done_by_roster: (d) => is(d.subject.entry, "SessionDisconnect") && !hasAgent(d),
    },
    effects: {
      take_file_id: takeFileId,
      clear_message_id: clearMessageId,
      report_sent: reportSent,
      report_delivered: reportReceipt("delivered"),
      report_read: reportReceipt("read"),
      report_refused: (d, e) => reportFailed(is(e, "Failure") && e.kind === "no_payload" ? "unreadable" : "refused")(d, e),
      report_unknown: reportFailed("unknown"),
      report_not_sent: reportFailed("not_sent"),
    },
    makers: {
      waiting_upload: (d) => state("item", "uploading", { tries: triesOf(d.item) }),
      uploading: (d) =>
        state("item", "uploading", {
          call: d.nextId(),
          due: answerDue(d, d.config.upload_timeout),
          tries: triesOf(d.item),
        }),
      upload_pausing: (d, e) => pausedItem(d, e, "uploading"),
      queued: () => state("item", "pending"),
      pending: (d) => state("item", "pending", { due: null, tries: triesOf(d.item) }),
      pausing: (d, e) => pausedItem(d, e, "pending"),
      sending: (d) =>
        state("item", "sending", {
          call: d.nextId(),
          due: answerDue(d, d.config.request_timeout),
          tries: triesOf(d.item),
        }),
      in_doubt: (d, e) => state("item", "in_doubt", { due: settledAt(d, e), tries: triesOf(d.item) }),
      in_doubt_again: (d, e) => state("item", "in_doubt", { due: settledAt(d, e), tries: triesOf(d.item) + 1 }),
      settled: (d) => state("item", "in_doubt", { due: null, tries: triesOf(d.item) }),
    },
  },
  ephemeral: {
    guards: {
      may_post: (d) =>
        d.ephemeral_queue.pending.length > 0 && isLive(d) && canSend(d),
    },
    effects: {
      drop_pending(d) {
        if (d.ephemeral_queue.pending.length) d.ephemeral_queue = { pending: [], due: d.ephemeral_queue.due };
      },
    },
    makers: {
      posting(d) {
        const [entry, ...others] = d.ephemeral_queue.pending;
        d.ephemeral_queue = { pending: others, due: d.ephemeral_queue.due };
        const due = answerDue(d, d.config.request_timeout);
        return state("ephemeral", "posting", { call: d.nextId(), due, entry });
      },
    },
  },
};

const SELECTORS = {
  all_items: (d) => d.items,
  new_item: (d) => [d.subject],
  item_of_receipt: (d, e) => d.items.filter((item) => item.id === e.ref_msg_id),
  item_of_echo(d, e) {
    const found = ownItem(d, e);
    return found ? [found] : [];
  },
};

// --- the interpreter of the tables -------------------------------------------------------------------------------

function named(machine, kind, name) {
  const [, parameters] = /^entry_is\((.*)\)$/.exec(name) ?? [];
  const found = parameters ? subjectIs(...parameters.split(",")) : VOCABULARY[machine][kind][name];
  if (!found) throw new Error(`${machine}: ${kind} ${name} is not written`);
  return found;
}

const cells = {};
for (const machine of table.machines) {
  cells[machine.name] = Object.fromEntries(machine.states.map((one) => [one.name, {}]));
  for (const row of machine.rows) {
    const compiled = compiledRow(machine.name, row);
    for (const source of row.source) (cells[machine.name][source][row.on] ??= []).push(compiled);
  }
}

function compiledRow(machine, row) {
  const plain = row.target !== null && row.make === null ? state(machine, row.target) : null;
  return {
    when: row.guard === null ? null : named(machine, "guards", row.guard),
    verdict: row.verdict,
    why: row.why,
    effects: row.effects.map((name) => named(machine, "effects", name)),
    make: row.make === null ? (plain === null ? null : () => plain) : named(machine, "makers", row.make),
    listeners: row.raises.flatMap((signal) =>
      table.couplings.filter((coupling) => coupling.source === machine && coupling.signal === signal),
    ),
  };
}

function move(d, machine, on, e) {
  for (const row of cells[machine][d[machine].name][on]) {
    if (row.when !== null && !row.when(d, e)) continue;
    if (row.verdict === "rejected") throw new Refused(row.why);
    for (const effect of row.effects) effect(d, e);
    if (row.make !== null) d[machine] = row.make(d, e);
    for (const listener of row.listeners) deliver(d, listener, e);
    return;
  }
}

function deliver(d, { target, signal, select }, e) {
  if (select === null) {
    move(d, target, signal, e);
    return;
  }
  for (const one of SELECTORS[select](d, e)) moveItem(d, one.id, one.state === ABSENT ? one : null, signal, e);
}

function moveItem(d, id, made, on, e) {
  const subject = made ?? d.items.find((one) => one.id === id);
  if (!subject) return;
  d.subject = subject;
  d.item = subject.state;
  move(d, "item", on, e);
  if (d.item === subject.state && d.subject === subject) return;
  storeItem(d);
  for (const item of withoutReceipts(d)) moveItem(d, item.id, null, "NoReceiptAwaited", null);
}

// --- a batch of entries, live or as the log ----------------------------------------------------------------------

const TERMINAL_ENTRIES = ["SessionEnded", "InactivityTimeout", "StatusCompleted", "StatusFailed"];
const GATHERED = ["Status", "PartyJoined", "PartyLeft", "CaseSet", "Info", "Typing", "NotTyping"];

const { "*": OTHER_STATUS, ...STATUSES } = table.statuses;
const statusOf = (e) => (Object.hasOwn(STATUSES, lower(e.state)) ? STATUSES[lower(e.state)] : OTHER_STATUS);
const isLastStatus = (e) => e.$ === "Status" && TERMINAL_ENTRIES.includes(statusOf(e));

const unfold = (d, e) => move(d, "lifecycle", e.$ === "Status" ? statusOf(e) : e.$, e);

function fold(d, entries, polled) {
  if (entries.length === 0) return;
  const repeated = isRepeatedBatch(d, entries, polled);
  if (repeated && holdsTranscript(entries)) {
    d.noteAnomaly("repeated_batch", "a cache, or a poll answered twice");
    return;
  }
  const known = new Known(d);
  for (const e of entries) {
    if (isRemembered(e) && isKnown(d, e, known)) continue;
    d.fresh = true;
    unfold(d, e);
  }
  if (repeated) d.fresh = false;
}

function foldLog(d, log, awaited) {
  const entries = log.entries;
  const current = awaited && !log.incomplete;
  if (entries.length === 0 && logCannotBeEmpty(d)) return;
  const wasRead = logWasRead(d);
  const start = wasRead ? earliestKnown(d, entries) : null;
  const over = isOver(d);
  if (start === null && (over || (wasRead && !current))) return;
  d.reading = true;
  d.past = start === null;
  if (d.past && wasRead) reportGap(d);
  if (!wasRead && !log.incomplete) markFirstReading(d, entries);
  const known = new Known(d);
  for (const e of entries.slice(0, start ?? 0)) if (isProof(d, e)) unfold(d, e);
  merge(d, entries.slice(start ?? 0), known);
  if (current && !over) takeParticipants(d, entries);
  d.reading = d.past = d.newest = false;
}

function earliestKnown(d, entries) {
  if (d.window.entries.includes(beginning(d))) return 0;
  let first = null;
  for (const [index, e] of entries.entries()) {
    if (!isRemembered(e)) continue;
    const [one, strong] = key(d, e);
    if (!d.window.entries.includes(one)) continue;
    if (!isFull(d)) return 0;
    if (strong && !isOurs(d, e)) return index;
    first ??= index;
  }
  return first;
}

function merge(d, entries, known) {
  const newest = entries.findLastIndex((e) => e.$ !== "Navigation");
  const offer = pendingOffer(entries);
  for (const [index, e] of entries.entries()) {
    d.newest = index === newest;
    if (GATHERED.includes(e.$)) {
      if (isLastStatus(e)) unfold(d, e);
      continue;
    }
    if (e.$ === "Signaling" && index !== offer) continue;
    if (e.$ === "CobrowsingRequested" && !d.newest) continue;
    if (isRemembered(e) && isKnown(d, e, known)) continue;
    d.fresh = true;
    unfold(d, e);
  }
}

function pendingOffer(entries) {
  let found = null;
  for (const [index, e] of entries.entries()) {
    if (e.$ !== "Signaling") continue;
    if (e.kind === "OFFER_CALL") found = index;
    else if (e.kind === "END_CALL" || e.kind === "CALL_REJECTED") found = null;
  }
  return found;
}

function takeParticipants(d, entries) {
  if (!["off", "paused"].includes(d.connection.name) || d.connection.call !== null) return;
  for (const kind of ["CaseSet", "Info"]) {
    const said = entries.findLast((e) => e.$ === kind);
    if (said) unfold(d, said);
  }
  rebuildRoster(d, entries);
  const status = entries.findLast((e) => e.$ === "Status" && !isLastStatus(e));
  if (status && d.lifecycle.name === "establishing") unfold(d, status);
  move(d, "lifecycle", "RosterRead", null);
}

// --- what is owed, and when to wake ------------------------------------------------------------------------------

function* owing(s) {
  for (const { kind, call } of [s.opening, s.connection, s.history, s.ephemeral]) if (call !== null) yield { kind, call };
  for (const item of s.items) if (item.state.call !== null) yield { kind: item.state.kind, call: item.state.call, item };
}

function command(s, { kind, call, item }) {
  const { config } = s;
  const chat = { id: call, timeout: config.request_timeout, chat_id: s.chat.chat_id };
  switch (kind) {
    case "create": {
      const { parameters, phone_number, from_ } = s.opening;
      return record("CreateChat", { ...chat, parameters, phone_number, from_ });
    }
    case "find":
      return record("FindChat", chat);
    case "poll":
      return record("Poll", { ...chat, timeout: config.poll_timeout });
    case "history":
      return record("ReadHistory", chat);
    case "ephemeral":
      return record("PostEphemeral", { ...chat, entry: s.ephemeral.entry });
    case "upload":
      return record("Upload", { ...chat, timeout: config.upload_timeout, item: item.id, ref: item.ref, name: item.name });
    default:
      return record("Post", { ...chat, item: item.id, entry: item.entry });
  }
}

function* deadlines(s) {
  const calls = new Map([...owing(s)].map((owed) => [owed.call, owed]));
  const of = (machine, one, item = null, signal = stateSpecs[machine][one.name].deadline) =>
    one.call !== null && one.call !== undefined
      ? { due: one.due, slack: 0, owed: calls.get(one.call) }
      : { due: one.due, slack: one.slack ?? 0, machine, signal, item };
  if (s.opening.due !== null) yield of("opening", s.opening);
  if (s.lifecycle.due !== null) {
    const signal = stateSpecs.lifecycle[s.lifecycle.name].deadline;
    yield { due: s.lifecycle.due, slack: 0, machine: "lifecycle", signal };
  }
  for (const name of ["connection", "history", "presence"]) if (s[name].due !== null) yield of(name, s[name]);
  for (const item of s.items) if (item.state.due !== null) yield of("item", item.state, item);
  if (s.ephemeral.due !== null) yield of("ephemeral", s.ephemeral);
  const participants = (dues, signal) => ({ due: Math.min(...dues), slack: 0, machine: "lifecycle", signal });
  if (s.ephemeral_queue.due !== null) yield participants([s.ephemeral_queue.due], "OwnTypingExpired");
  if (s.participants.typists.length) yield participants(s.participants.typists.map((one) => one.due), "TypingExpired");
  const forms = s.participants.forms.map((one) => one.due).filter((due) => due !== null);
  if (forms.length) yield participants(forms, "FormExpired");
}

function wakeWindow(s) {
  let earliest = null;
  let latest = null;
  for (const { due, slack } of deadlines(s)) {
    if (earliest === null || due < earliest) earliest = due;
    if (latest === null || due + slack < latest) latest = due + slack;
  }
  return [earliest, latest];
}

// --- a step ------------------------------------------------------------------------------------------------------

const CALLS = Object.fromEntries(table.reactions.calls.map((one) => [one.kind, one]));
const REACTIONS = Object.fromEntries(table.reactions.reactions.map((one) => [`${one.kind} ${one.class}`, one.signals]));
const KINDS = Object.fromEntries(table.reactions.classify.kinds.map((one) => [one.kind, one]));
const CODES = Object.fromEntries(table.reactions.classify.codes.map((one) => [one.code, one]));

function classify(kind, reply) {
  const { success, column } = CALLS[kind];
  if (reply.$ === success) return reply.incomplete ? "partial" : "ok";
  if (reply.$ !== "Failure") return KINDS.unreadable[column];
  if (reply.kind in KINDS) return KINDS[reply.kind][column];
  if (reply.code !== null && reply.code in CODES) return CODES[reply.code][column];
  const status = reply.status ?? 0;
  const { statuses } = table.reactions.classify;
  const range = statuses.find((one) => one.from <= status && status <= one.to);
  return (range ?? statuses.at(-1))[column];
}

const failure = (kind) => record("Failure", { kind });

function reduce(session, event) {
  const d = new Draft(session, session.now);
  if (event.$ === "Restarted") restart(d, event.at);
  else if (event.$ === "ClockChanged") changeClock(d, event);
  else {
    d.now = Math.max(event.at, session.now);
    fire(d);
    handle(d, event);
    conclude(d);
  }
  const next = d.freeze();
  if (next === session) return { session, commands: [], updates: [] };
  const owed = outbox(next).filter((one) => one.id > session.ids);
  return { session: next, commands: owed, updates: [...d.updates, ...d.anomalies] };
}

const outbox = (s) => [...owing(s)].map((owed) => command(s, owed)).sort((one, other) => one.id - other.id);

function fire(d) {
  for (;;) {
    let first = null;
    for (const deadline of deadlines(d)) if (first === null || deadline.due < first.due) first = deadline;
    if (first === null || first.due > d.now) return;
    if (first.owed) answer(d, first.owed, failure("timeout"));
    else if (first.item) moveItem(d, first.item.id, null, first.signal, null);
    else move(d, first.machine, first.signal, null);
    conclude(d);
  }
}

function conclude(d) {
  if (d.items.length) for (const item of nextToSend(d)) moveItem(d, item.id, null, "SendSlot", null);
  if (d.ephemeral_queue.pending.length) move(d, "ephemeral", "SendSlot", null);
  emitOutcome(d);
}

function restart(d, at) {
  if (isOver(d)) return;
  const by = at - d.base.now;
  d.now = at;
  if (by) shift(d, by);
  const owed = [...owing(d)].sort((one, other) => one.call - other.call);
  for (const one of owed) answer(d, one, failure("restart"));
  move(d, "connection", "PollFailed", failure("restart"));
  conclude(d);
}

function changeClock(d, { at, by }) {
  if (isOver(d)) return;
  d.now = at;
  const moved = by ?? at - d.base.now;
  if (moved) shift(d, moved);
  fire(d);
  conclude(d);
}

function shift(d, by) {
  const later = (one) => (one.due === null ? one : evolve(one, { due: one.due + by }));
  for (const name of ["lifecycle", "opening", "connection", "history", "presence", "ephemeral", "ephemeral_queue"]) d[name] = later(d[name]);
  d.items = d.items.map((item) => evolve(item, { state: later(item.state) }));
  setParticipants(d, { typists: d.participants.typists.map(later), forms: d.participants.forms.map(later) });
}

function handle(d, event) {
  switch (event.$) {
    case "Tick":
      return;
    case "Incoming":
      fold(d, event.entries, false);
      endBatch(d);
      return;
    case "Answered": {
      const owed = [...owing(d)].find((one) => one.call === event.command);
      if (owed) answer(d, owed, event.reply);
      else {
        takeEntries(d, event.reply, null);
        endBatch(d);
      }
      return;
    }
    default:
      move(d, "lifecycle", event.$, event);
  }
}

function answer(d, { kind, item }, reply) {
  if (reply.repaired) d.noteAnomaly("repaired_answer", reply.repaired);
  takeEntries(d, reply, kind);
  if (kind === "poll" && reply.$ === "EventBatch" && reply.entries.length === 0) noteSilence(d);
  for (const { machine, signal } of REACTIONS[`${kind} ${classify(kind, reply)}`]) {
    if (machine !== "item") move(d, machine, signal, reply);
    else if (item) moveItem(d, item.id, null, signal, reply);
  }
  if (reply.$ === "ChatOpened" && (kind === "create" || kind === "find") && reply.state) {
    unfold(d, record("Status", { state: reply.state, ewt: reply.ewt }));
  }
  endBatch(d);
}

function takeEntries(d, reply, kind) {
  d.fresh = false;
  if (reply.$ === "EventBatch") fold(d, reply.entries, kind === "poll");
  else if (reply.$ === "HistoryLog") foldLog(d, reply, kind !== null);
}

function endBatch(d) {
  if (d.end === null) return;
  const e = d.end;
  d.end = null;
  d.applyingEnd = true;
  unfold(d, e);
  d.applyingEnd = false;
}

// --- status updates -------------------------------------------------------------------------------------------------

function statusUpdates(s) {
  const fullName = (party) => `${party.first_name} ${party.last_name}`.trim();
  return [
    record("PhaseChanged", { phase: phaseOf(s), ewt: s.lifecycle.name === "queued" ? s.lifecycle.ewt : null }),
    record("RosterChanged", {
      parties: s.participants.parties.map((party) => [party.id, party.type, party.display_name || fullName(party)]),
    }),
    record("TypingChanged", { parties: s.participants.typists.map((typist) => typist.party_id) }),
    connectionStatus(s),
    record("FormsChanged", {
      forms: s.participants.forms.filter((form) => !form.answer).map((form) => [form.id, form.name, form.secure]),
    }),
    record("CaseChanged", { case_id: s.chat.case_id }),
  ];
}

const backingOffStatus = ({ name, tries, code, reason, detail, due }) =>
  record("ConnectionChanged", { state: name, tries, code, reason, next_try: due, detail });

function connectionStatus(s) {
  const { opening, connection, history } = s;
  if (connection.name === "off" && opening.name === "backing_off") return backingOffStatus(opening);
  if (connection.name === "off" && opening.tries) return record("ConnectionChanged", { state: "backing_off", tries: opening.tries });
  const connected = (tries, next_try = null) =>
    record("ConnectionChanged", { state: tries ? "backing_off" : "polling", tries, next_try });
  if (connection.name === "off" && history.name !== "current") {
    const next_try = history.name === "backing_off" ? history.due : null;
    return connected(Math.max(connection.tries, triesOf(history)), next_try);
  }
  if (connection.name === "polling") return connected(connection.tries);
  if (connection.name === "backing_off") return backingOffStatus(connection);
  return record("ConnectionChanged", { state: connection.name, tries: triesOf(connection), code: connection.code ?? null });
}

function changes(before, now) {
  if (before === now) return [];
  const old = statusUpdates(before);
  return statusUpdates(now).filter((one, index) => !equal(one, old[index]));
}

// --- the door ----------------------------------------------------------------------------------------------------

function observation(before, now, commands, updates) {
  const [deadline, latest] = wakeWindow(now);
  const seen = {
    phase: phaseOf(now),
    commands: commands.map(write),
    updates: updates.map(write),
    changes: changes(before, now).map(write),
    owed: [...owing(now)].map((owed) => owed.call).sort((one, other) => one - other),
    deadline,
    latest,
  };
  if (isOver(now)) seen.outcome = now.lifecycle.outcome;
  return seen;
}

let current = null;

// Absent items are never stored, so that a state which comes back is as good as the one that was written.
const OPERATIONS = {
  hello: () => ({
    protocol: 1,
    name: "port.mjs",
    version: "1",
    language: "javascript",
    features: [
      "anomalies", "background", "changes", "entries", "files", "follow", "forms", "latest", "push", "reattach",
      "receipts", "secure_forms", "snapshot", "typing", "v1",
    ],
    many: true,
  }),
  many: ({ requests }) => ({ answers: requests.map(answered) }),
  begin({ at, config }) {
    current = newSession(at, config ?? {});
    return observation(current, current, [], []);
  },
  step({ event }) {
    const before = current;
    try {
      const { session, commands, updates } = reduce(before, read(event));
      current = session;
      return observation(before, session, commands, updates);
    } catch (error) {
      if (error instanceof Refused) return { refused: error.message };
      throw error;
    }
  },
  snapshot: () => ({ snapshot: current }),
  restore({ snapshot }) {
    current = snapshot;
    return observation(current, current, outbox(current), []);
  },
};

function answered({ op, seq, ...asked }) {
  try {
    if (!OPERATIONS[op]) throw new Error(`unknown op ${op}`);
    return { seq, ...OPERATIONS[op](asked) };
  } catch (error) {
    return { seq, error: String(error.stack ?? error) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  if (!line.trim()) continue;
  const asked = JSON.parse(line);
  if (asked.op === "bye") break;
  process.stdout.write(`${JSON.stringify(answered(asked))}\n`);
}
