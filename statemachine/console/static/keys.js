// Shortcuts: Alt and a key, outside of text fields and dialogs. A key without Alt is text, wherever it is typed.

import { isOpen } from "./dialogs.js";

const MARKS = { Period: ".", Comma: ",", Slash: "?" };

const bound = new Map();

export const bind = (key, run) => bound.set(key, run);

const writing = (element) => element?.closest?.("input, textarea, select, [contenteditable]");

/** The label of the key. With Alt, some systems give another character: then its place on the keyboard counts. */
function label(event) {
  if (/^[a-z.,?]$/i.test(event.key)) return event.key.toLowerCase();
  return MARKS[event.code] ?? event.code.replace("Key", "").toLowerCase();
}

export function listen() {
  document.addEventListener("keydown", (event) => {
    if (!event.altKey || event.ctrlKey || event.metaKey || event.repeat || isOpen() || writing(event.target)) return;
    const run = bound.get(label(event));
    if (!run) return;
    event.preventDefault();
    run();
  });
  // A click leaves the focus where it is: a space in the text that follows would press the button again.
  document.addEventListener("mousedown", (event) => {
    if (event.target.closest("button")) event.preventDefault();
  });
}
