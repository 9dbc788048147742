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

// While a pointer is pressed nothing is drawn: a button that is replaced between press and release is not clicked.
let pressed = false;
const held = [];
addEventListener("pointerdown", () => { pressed = true; }, true);
for (const release of ["pointerup", "pointercancel"]) {
  addEventListener(release, () => setTimeout(() => {
    pressed = false;
    for (const draw of held.splice(0)) draw();
  }), true);
}

/** Run `f` once before the next picture, however often it is asked for; not while a pointer is pressed. */
export function batched(f) {
  let asked = false;
  const draw = () => {
    if (pressed) {
      held.push(draw);
      return;
    }
    asked = false;
    f();
  };
  return () => {
    if (asked) return;
    asked = true;
    // A page in the background draws no pictures, but must not fall behind.
    if (document.hidden) setTimeout(draw, 50);
    else requestAnimationFrame(draw);
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
