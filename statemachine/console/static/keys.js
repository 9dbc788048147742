// Shortcuts: single keys, while no text is being written and no dialog is open.

import { isOpen } from "./dialogs.js";

const bound = new Map();

export const bind = (key, run) => bound.set(key, run);

const writing = (element) => element?.closest?.("input, textarea, select, [contenteditable]");

export function listen() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isOpen() || writing(event.target)) return;
    const run = bound.get(event.key.length === 1 ? event.key.toLowerCase() : event.key);
    if (!run) return;
    event.preventDefault();
    run();
  });
}
