// XState v5's pure `transition(machine, snapshot, event)`, under node. The same lines in and out as `_serve.py`.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const require = createRequire(join(process.cwd(), "package.json"));
const { assign, initialTransition, setup, transition } = await import(pathToFileURL(require.resolve("xstate")).href);
const { version } = require("xstate/package.json");

const here = dirname(fileURLToPath(import.meta.url));
const { states, rows, path } = JSON.parse(readFileSync(join(here, "lifecycle.json"), "utf8"));

const arcs = (state) => {
  const on = {};
  for (const row of rows.filter((one) => one.from.includes(state)))
    (on[row.on] ??= []).push({ target: row.to, guard: row.when, actions: row.do });
  return { on };
};
const chart = setup({
  guards: {
    has_agent: ({ context }) => context.agents.length > 0,
    is_last: ({ context, event }) => context.agents.length === 1 && context.agents[0] === event.agent,
  },
  actions: {
    admit: assign({ agents: ({ context, event }) => [...context.agents, event.agent] }),
    dismiss: assign({ agents: ({ context, event }) => context.agents.filter((one) => one !== event.agent) }),
  },
}).createMachine({
  id: "chat",
  initial: "wrapping_up",
  context: { agents: [] },
  states: Object.fromEntries(states.map((state) => [state, arcs(state)])),
});
const events = path.map(([type, agent]) => ({ type, agent }));

const start = () => initialTransition(chart)[0];
const lap = (snapshot, passed) => {
  for (const event of events) {
    [snapshot] = transition(chart, snapshot, event);
    passed?.push(snapshot.value);
  }
  return snapshot;
};

const passed = [];
lap(start(), passed);
if (passed.join() !== path.map((one) => one[2]).join()) throw new Error(`it passes ${passed}`);
console.log(JSON.stringify({ version }));

/** A watch in seconds: of the processor or of the clock, whichever says less, for node's helpers count as processor. */
const watch = () => {
  const { user, system } = process.cpuUsage();
  const [cpu, clock] = [(user + system) / 1e6, performance.now() / 1e3];
  return () => {
    const now = process.cpuUsage();
    return Math.min((now.user + now.system) / 1e6 - cpu, performance.now() / 1e3 - clock);
  };
};
let session = start();
const answers = {
  laps({ seconds }) {
    const passed = watch();
    let count = 0;
    do {
      session = lap(session);
      count += 1;
    } while (passed() < seconds);
    return { events: count * events.length, seconds: passed() };
  },
  make({ count }) {
    const passed = watch();
    for (let i = 0; i < count; i += 1) start();
    return { seconds: passed(), count };
  },
  hold({ count }) {
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    const held = Array.from({ length: count }, start);
    globalThis.gc?.();
    return { bytes: (process.memoryUsage().heapUsed - before) / held.length, count };
  },
};
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  console.log(JSON.stringify(answers[asked.do](asked)));
}
