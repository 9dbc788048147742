// A bridge in TypeScript, for Node, with types that are made of the gateway's document:
//   npx openapi-typescript openapi.json --default-non-nullable false -o openapi.d.ts
// Lines in and out are those of bridge.sh. Gateway and bridge may be killed at any moment: requests are repeated with their id
// as the key, and the event stream goes on at the saved cursor.
import { existsSync, openAsBlob, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import type { components, paths } from "./openapi.d.ts";

type Update = components["schemas"]["Update"];
type Text = paths["/chats/{client_id}/texts"]["post"]["requestBody"]["content"]["application/json"];
type Line = { id: string; user: string; text?: string; file?: string; end?: boolean };

const gateway = process.env.GATEWAY_URL ?? "http://127.0.0.1:8090";
const cursorFile = process.env.CURSOR_FILE ?? "bridge.cursor";
const authorization = { Authorization: `Bearer ${process.env.GATEWAY_TOKEN ?? "none"}` };

/** Repeats a request until the gateway has taken or refused it. */
async function call(path: string, id: string, type: string, body?: BodyInit): Promise<void> {
  const headers = { ...authorization, "Idempotency-Key": id, "Content-Type": type };
  for (;;) {
    try {
      const { status } = await fetch(gateway + path, { method: "POST", headers, body });
      if (status < 300) return;
      if (status < 500 && status !== 408 && status !== 429) return console.error(`refused with ${status}: ${path}`);
    } catch {
      // no answer: it may have arrived, and the key makes the repetition safe
    }
    await sleep(200);
  }
}

async function send(line: Line): Promise<void> {
  const chat = `/chats/${encodeURIComponent(line.user)}`;
  if (line.end) return call(`${chat}/end`, line.id, "application/json");
  if (line.file !== undefined) {
    const path = `${chat}/files?name=${encodeURIComponent(basename(line.file))}`;
    return call(path, line.id, "application/octet-stream", await openAsBlob(line.file));
  }
  const text: Text = { text: line.text ?? "" };
  return call(`${chat}/texts`, line.id, "application/json", JSON.stringify(text));
}

/** The updates behind this cursor, until the connection breaks. */
async function* events(cursor: number): AsyncGenerator<Update> {
  const headers = { ...authorization, Accept: "text/event-stream", "Last-Event-ID": String(cursor) };
  const response = await fetch(`${gateway}/updates`, { headers });
  if (!response.ok || response.body === null) throw new Error(`HTTP status ${response.status}`);
  let rest = "";
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + piece).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const lines = block.split("\n");
      if (lines.includes("event: update")) {
        yield JSON.parse(lines.find((line) => line.startsWith("data: "))!.slice(6));
      }
    }
  }
}

async function receive(): Promise<void> {
  let cursor = existsSync(cursorFile) ? Number(readFileSync(cursorFile, "utf8")) : 0;
  for (;;) {
    try {
      for await (const { client_id, update, text, ...one } of events(cursor)) {
        const { key, state } = update as { key?: string; state?: string };
        console.log(JSON.stringify({ ...one, user: client_id, seq: update.seq, type: update.type, text, key, state }));
        cursor = one.cursor;
        writeFileSync(`${cursorFile}.new`, String(cursor));
        renameSync(`${cursorFile}.new`, cursorFile);
      }
    } catch {
      // the gateway is away: connect again
    }
    await sleep(200);
  }
}

void receive();
for await (const line of createInterface({ input: process.stdin })) await send(JSON.parse(line) as Line);
