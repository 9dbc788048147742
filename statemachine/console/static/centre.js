// What concerns the whole centre: its scenarios, its knobs, its clock.

import { control, toast, tried } from "./api.js";
import { ask, dialog } from "./dialogs.js";
import { button, h } from "./dom.js";
import { current } from "./store.js";

/** The scenarios there are: name, about and teaches. An app id may name one. */
export const scenarios = async () => (await control.get("scenarios")).scenarios;

const path = (chat) => `chats/${encodeURIComponent(chat.chat_id)}/scenario`;

/** The chosen chat goes on with a scenario: one of the catalogue, or one that is written here. */
export async function play() {
  const chat = current()?.chat;
  if (!chat) return toast("Select a chat first.");
  const found = await scenarios();
  const wish = await ask(
    "Start a scenario in this chat",
    [
      { name: "name", label: "Scenario", choices: [...found.map((one) => [one.name, `${one.name}: ${one.about}`]), ["", "the text below"]], onchange: async (name, fields) => { if (name) fields.source.value = (await control.get(`scenarios/${encodeURIComponent(name)}`)).source; } },
      { name: "source", label: "As TOML (choosing a scenario above fills this in; you can change it)", type: "area", rows: 14, oninput: (_, fields) => { fields.name.value = ""; } },
    ],
    { doing: "Start", wide: true, attempt: ({ name, source }) => control.post(path(chat), name ? { name } : { source }) },
  );
  return wish && toast(`The scenario ${wish.name || "below"} was started.`);
}

/** What was done in the chosen chat, as a scenario to keep. */
export async function keep() {
  const chat = current()?.chat;
  if (!chat) return toast("Select a chat first.");
  const { source } = await control.get(path(chat));
  const wish = await ask(
    "This chat as a scenario",
    [
      { name: "name", label: "Name (chats with this app id will use it)", value: "my-scenario" },
      { name: "source", label: "As TOML", type: "area", value: source, rows: 16 },
    ],
    {
      doing: "Save",
      wide: true,
      about: "To use it again, save it in a file: statemachine emulate --scenario FILE.toml",
      attempt: ({ name, source }) => control.put(`scenarios/${encodeURIComponent(name)}`, { source }),
    },
  );
  return wish && toast(`Saved as ${wish.name}.`);
}

const written = (value) => (value === null ? "none" : Array.isArray(value) ? value.map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join(", ") : String(value));

function turn(knob) {
  const send = (value) => tried(control.patch("knobs", { [knob.name]: value }).then(() => toast(`${knob.name} = ${written(value)}`)));
  const choices = knob.type === "bool" ? ["true", "false"] : knob.choices.map(String);
  if (knob.name === "faults") return h("input", { disabled: true, value: written(knob.value), title: "planned by scenarios, and by the action inject_fault" });
  if (choices.length) {
    const select = h("select", { onchange: (event) => send(event.target.value) }, choices.map((value) => h("option", { value }, value)));
    select.value = String(knob.value);
    return select;
  }
  return h("input", { value: written(knob.value), onchange: (event) => send(event.target.value) });
}

/** Every knob, each turned at once. */
export async function knobs() {
  const { knobs: found } = await control.get("knobs");
  const rows = found.map((knob) => {
    const turned = written(knob.value) !== written(knob.default);
    const input = turn(knob);
    input.setAttribute("aria-label", knob.name);
    return h(
      "div",
      { class: `knob${turned ? " turned" : ""}`, "data-words": `${knob.name} ${knob.about}`.toLowerCase() },
      h("div", {}, h("b", {}, knob.name), turned && h("span", { class: "count" }, `default ${written(knob.default)}`)),
      h("div", { class: "about" }, knob.about, knob.unit && ` (${knob.unit})`),
      input,
    );
  });
  const search = h("input", {
    type: "search",
    placeholder: "Find a knob: receipts, ewt, timeout…",
    "aria-label": "find a knob",
    oninput: (event) => {
      const words = event.target.value.toLowerCase().split(/\s+/);
      for (const row of rows) row.hidden = !words.every((word) => row.dataset.words.includes(word));
    },
  });
  await dialog("Knobs: settings of this centre", h("div", { class: "knobs" }, search, rows), { wide: true });
}

/** Time that passes now, or faster. */
export async function clock() {
  const { scale } = await control.get("clock");
  const wish = await ask(
    "The centre's clock",
    [
      { name: "advance", label: "Move the clock forward by (30s, 10m, 1h)", value: "1m" },
      { name: "scale", label: "Speed: 1 is real time, 60 is an hour in a minute", type: "number", value: String(scale) },
    ],
    { doing: "Move", attempt: ({ advance, scale }) => control.post("clock", { scale: Number(scale), ...(advance.trim() && { advance }) }) },
  );
  return wish && toast("The clock was moved.");
}

const TOOLS = {
  s: ["Scenario…", play, "start a scenario in the selected chat"],
  h: ["Save…", keep, "save this chat as a scenario"],
  n: ["Knobs…", knobs, "settings of this centre"],
  ",": ["Clock…", clock, "move the centre's clock"],
};

/** Key -> what it is called, does, and means. */
export const centreKeys = () => Object.entries(TOOLS).map(([key, [label, run, title]]) => [key, [title, () => tried(run()), label]]);

export const centreTools = () => centreKeys().map(([key, [title, run, label]]) => button(label, run, { key, title }));
