// The agents. One of them is selected and performs the actions.

import { h, shortcut, show } from "./dom.js";
import { changed, current, onChange } from "./store.js";

const KEY = "agents";
const FIRST = [
  { label: "ada", first_name: "Ada", last_name: "Larsen" },
  { label: "grace", first_name: "Grace", last_name: "Moreau" },
  { label: "ben", first_name: "Ben", last_name: "Okafor" },
];

function load() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY));
    if (Array.isArray(found) && found.length && found.every((one) => typeof one.label === "string")) return found;
  } catch {
    // nothing kept, or no place to keep it
  }
  return FIRST;
}

export const agents = load();
let acting = agents[0];

/** The selected agent. */
export const agent = () => acting;

export const nameOf = (one) => `${one.first_name} ${one.last_name}`.trim();

export function choose(one) {
  acting = one;
  changed();
}

export const next = () => choose(agents[(agents.indexOf(acting) + 1) % agents.length]);

/** Add an agent and select it. */
export function add(name) {
  const [first_name, ...rest] = name.trim().split(/\s+/);
  if (!first_name) return;
  let label = first_name.toLowerCase();
  while (agents.some((one) => one.label === label)) label += "-2";
  agents.push({ label, first_name, last_name: rest.join(" ") });
  localStorage.setItem(KEY, JSON.stringify(agents));
  choose(agents.at(-1));
}

const initials = (one) => (one.first_name[0] ?? "?") + (one.last_name[0] ?? "");

export function agentBar(box, askName) {
  onChange(() => {
    const here = new Set((current()?.chat.parties ?? []).filter((one) => one.present).map((one) => one.label));
    show(
      box,
      agents.map((one) =>
        h(
          "button",
          {
            type: "button",
            class: `agent${here.has(one.label) ? " here" : ""}`,
            "aria-pressed": String(one === acting),
            title: `${nameOf(one)}${one === acting ? ": selected" : ""}${here.has(one.label) ? ", is in this chat" : ""}`,
            "data-label": one.label,
          },
          h("span", { class: "face" }, initials(one)),
          h("span", { class: "name" }, one.first_name),
        ),
      ),
      h("button", { type: "button", class: "agent add", title: "New agent" }, "+"),
      shortcut("m"),
    );
  });
  box.addEventListener("click", (event) => {
    const found = event.target.closest("button");
    if (!found) return;
    if (found.dataset.label) choose(agents.find((one) => one.label === found.dataset.label));
    else askName();
  });
}
