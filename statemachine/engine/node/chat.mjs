// A chat from Node, with the engine beside it: no dependencies. To copy, and to change.
//
//   statemachine emulate                                    (a contact centre, in another terminal)
//   node chat.mjs http://127.0.0.1:8000 "Hello, my parcel is late"
//
// The engine decides, this program does: it carries out commands with fetch, feeds the answers, wakes the engine at its
// deadline, and shows the updates. Nothing of the protocol is known here. It may be killed at any time: the file STORE has
// the chat until its end, and the next start goes on with it.

import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [url, text = "Hello", ...command] = process.argv.slice(2);
const [program, ...args] = command.length ? command : ["statemachine", "engine"];
const { TENANT = new URL(url).hostname, APP_ID = "demo", CLIENT_ID = randomUUID(), STORE = "chat.json" } = process.env;
let stored = { clientId: CLIENT_ID, snapshot: null, updates: [], cookies: [] }; // a real client's id is its user's
if (existsSync(STORE)) stored = JSON.parse(readFileSync(STORE, "utf8"));
const endpoint = { url, tenant: TENANT, app_id: APP_ID, client_id: stored.clientId };

function save(changes) {
  stored = { ...stored, ...changes };
  writeFileSync(`${STORE}.new`, JSON.stringify(stored), { mode: 0o600, flush: true });
  renameSync(`${STORE}.new`, STORE); // a crash leaves the old file or the new one
}

// --- the engine: one line asked, one line answered, in order -----------------------------------------------------

const engine = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
const waiting = [];
let over = false;
createInterface({ input: engine.stdout }).on("line", (line) => {
  const { resolve, reject } = waiting.shift();
  const said = JSON.parse(line);
  if (said.error) reject(new Error(said.error));
  else resolve(said);
});
engine.on("exit", (code, signal) => over || fail(`the engine ended (${code ?? signal})`));
engine.on("error", (error) => fail(`the engine cannot be started (${error.code})`));
engine.stdin.on("error", () => {}); // it has ended, and `exit` follows

function fail(reason) {
  console.error(reason);
  process.exit(1);
}

function ask(request) {
  return new Promise((resolve, reject) => {
    waiting.push({ resolve, reject });
    engine.stdin.write(`${JSON.stringify(request)}\n`);
  });
}

// --- the driver: feed, do what it says, feed the answers ---------------------------------------------------------

let alarm;
let greeted = false;
const flying = new Map();
const cookies = new Map(stored.cookies); // of this chat alone; a load balancer may know its server by them

async function feed(event) {
  if (over) return;
  const said = await ask({ op: "step", event: { at: Date.now(), ...event }, snapshot: true });
  if (said.refused) throw new Error(said.refused);
  const updates = said.updates.filter((one) => one.seq); // the others are anomalies
  save({ snapshot: said.snapshot, updates, cookies: [...cookies] }); // before anything is carried out or shown
  for (const one of said.commands) void carryOut(one);
  // Calls in flight at the end may still bring late messages.
  if (!said.outcome) for (const [id, call] of flying) if (call.isRead && !said.owed.includes(id)) call.abort();
  clearTimeout(alarm);
  if (said.deadline !== null) alarm = setTimeout(() => feed({ type: "tick" }), Math.max(0, said.deadline - Date.now()));
  [...updates, ...said.changes].forEach(show); // in the order of `seq`; the last ones are shown again after a crash
  await react(said);
}

async function carryOut(command) {
  const flight = new AbortController();
  const call = { isRead: false, abort: () => flight.abort() };
  flying.set(command.id, call);
  const { request } = await ask({ op: "request", command, endpoint, nonce: randomUUID() });
  call.isRead = request.method === "GET";
  const signal = AbortSignal.any([flight.signal, AbortSignal.timeout(request.timeout)]);
  const reply = await fetched(request, command, signal);
  flying.delete(command.id);
  if (!flight.signal.aborted) await feed({ type: "answered", command: command.id, reply });
}

async function fetched({ method, url, headers, body }, command, signal) {
  try {
    const cookie = [...cookies].map((pair) => pair.join("=")).join("; ");
    const sent = cookie ? { ...headers, Cookie: cookie } : headers;
    const response = await fetch(url, { method, headers: sent, body, signal, redirect: "manual" }); // a 3xx is a failure
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^\s*([^=;]+)=([^;]*)/.exec(line) ?? [];
      if (name) cookies.set(name, value);
    }
    const answer = { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
    return (await ask({ op: "reply", command, ...answer })).reply;
  } catch (error) {
    const refused = error.cause?.code === "ECONNREFUSED" || error.cause?.code === "ENOTFOUND";
    return { type: "failure", kind: error.name === "TimeoutError" ? "timeout" : refused ? "unsent" : "cut" };
  }
}

// --- the application ---------------------------------------------------------------------------------------------

function show(one) {
  if (one.type === "received" && one.entry.type === "message") console.log(`agent: ${one.entry.msg_text ?? one.entry.msg}`);
  if (one.type === "delivery_update") console.log(`${one.item}: ${one.state}`);
  if (one.type === "phase_changed") console.log(`phase: ${one.phase}`);
}

async function react(said) {
  if (said.phase === "agent_joined" && !greeted) {
    greeted = true;
    await feed({ type: "send_text", text: "Thank you, bye!", key: "bye" }); // with a key: sent once, also after a crash
    await feed({ type: "end" });
  }
  if (said.outcome && flying.size === 0) {
    console.log(`outcome: ${said.outcome}`);
    over = true;
    clearTimeout(alarm);
    rmSync(STORE);
    engine.stdin.end();
  }
}

if (stored.snapshot) {
  await ask({ op: "restore", snapshot: stored.snapshot });
  stored.updates.forEach(show);
  await feed({ type: "restarted" });
} else {
  await ask({ op: "begin", at: Date.now() });
  await feed({ type: "request_chat", origin: randomUUID(), text });
}
