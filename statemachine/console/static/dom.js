// Elements of the console; the shared script makes them.

export const { h, clock } = globalThis.page;

/** The name of a shortcut, or null without one. */
export const shortcutName = (key) => (key ? `Alt+${key.toUpperCase()}` : null);

/** A shortcut as its button shows it. */
export const shortcut = (key) => h("kbd", {}, shortcutName(key));

/** A button with its shortcut, where it has one. */
export function button(label, onclick, { key = "", kind = "", title = "" } = {}) {
  return h("button", { type: "button", class: `button ${kind}`, onclick, title, "aria-keyshortcuts": shortcutName(key) }, h("span", {}, label), key && shortcut(key));
}

/** Run `f` once before the next picture, however often it is asked for. */
export function batched(f) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    // A page in the background draws no pictures, but must not fall behind.
    const later = document.hidden ? (g) => setTimeout(g, 50) : requestAnimationFrame;
    later(() => {
      asked = false;
      f();
    });
  };
}

/** Put children into a box, but only if they would look different: focus and selection stay. */
export function show(box, ...children) {
  const fresh = h("div", {}, ...children);
  if (box.childNodes.length === fresh.childNodes.length) {
    let same = true;
    for (let index = 0; same && index < box.childNodes.length; index++) {
      same = box.childNodes[index].isEqualNode(fresh.childNodes[index]);
    }
    if (same) return false;
  }
  box.replaceChildren(...fresh.childNodes);
  return true;
}

/** How long: 5 s, 3:07. */
export function span(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
