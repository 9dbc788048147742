// Questions to the person: dialogs with a few fields.

import { h } from "./dom.js";

function field(one, fields) {
  const id = `field-${one.name}`;
  const props = { id, name: one.name };
  let input;
  if (one.choices) {
    input = h("select", props, one.choices.map(([value, label]) => h("option", { value }, label)));
    if (one.value !== undefined) input.value = one.value;
  } else if (one.type === "area") {
    input = h("textarea", { ...props, rows: one.rows ?? 8, spellcheck: "false" });
    input.value = one.value ?? "";
  } else if (one.type === "checkbox") {
    input = h("input", { ...props, type: "checkbox", checked: Boolean(one.value) });
  } else {
    input = h("input", { ...props, type: one.type ?? "text", autocomplete: "off", list: one.list && `${id}-list`, value: one.value ?? "" });
  }
  fields[one.name] = input;
  if (one.onchange) input.addEventListener("change", () => one.onchange(input.value, fields));
  if (one.oninput) input.addEventListener("input", () => one.oninput(input.value, fields));
  const list = one.list && h("datalist", { id: `${id}-list` }, one.list.map((value) => h("option", { value })));
  const label = h("label", { for: id }, one.label);
  return h("p", { class: one.type === "checkbox" ? "tick" : "" }, one.type === "checkbox" ? [input, label] : [label, input], list);
}

/** Open a dialog with this content; resolves when it is closed. */
export function dialog(title, content, { wide = false } = {}) {
  return new Promise((resolve) => {
    const box = h("dialog", { class: wide ? "wide" : "", "aria-label": title }, h("h2", {}, title), content);
    box.addEventListener("close", () => {
      box.remove();
      resolve(box.returnValue);
    });
    box.addEventListener("click", (event) => {
      if (event.target === box) box.close();
    });
    document.body.append(box);
    box.showModal();
  });
}

export const isOpen = () => document.querySelector("dialog[open]") !== null;

/**
 * Ask for these fields: an object of their values, or null where the person thought better of it.
 *
 * `attempt`: does what was asked for. Where it fails the dialog stays, with all that was written, and says why.
 * Without fields the focus is on "Cancel": keys that are typed on do not confirm.
 */
export async function ask(title, wanted, { doing = "OK", about = "", wide = false, attempt } = {}) {
  const fields = {};
  const problem = h("p", { class: "problem", role: "alert" });
  const values = () => Object.fromEntries(Object.entries(fields).map(([name, input]) => [name, input.type === "checkbox" ? input.checked : input.value]));
  async function submit(event) {
    event.preventDefault();
    const box = event.target.closest("dialog");
    problem.textContent = "";
    try {
      await attempt?.(values());
      box.close("done");
    } catch (error) {
      problem.textContent = error.message;
    }
  }
  const form = h(
    "form",
    { onsubmit: submit },
    about && h("p", { class: "about" }, about),
    wanted.map((one) => field(one, fields)),
    problem,
    h(
      "p",
      { class: "buttons" },
      h("button", { type: "button", class: "button", onclick: (event) => event.target.closest("dialog").close("") }, h("span", {}, "Cancel"), h("kbd", {}, "ESC")),
      h("button", { type: "submit", class: "button main" }, h("span", {}, doing), wanted.length > 0 && h("kbd", {}, "↵")),
    ),
  );
  const answer = await dialog(title, form, { wide });
  return answer === "done" ? values() : null;
}

function degrees(value, name) {
  const found = Number(value.trim() || "none");
  if (Number.isNaN(found)) throw new Error(`${name}: a number of degrees, as 52.5208`);
  return found;
}

/** Ask for a place, and share it: `attempt` is given degrees as numbers. */
export const askPlace = (attempt) =>
  ask(
    "Share a location",
    [
      { name: "latitude", label: "Latitude, degrees", value: "52.5208" },
      { name: "longitude", label: "Longitude, degrees", value: "13.4094" },
      { name: "url", label: "Address of a map (may be empty)" },
    ],
    {
      doing: "Share",
      attempt: ({ latitude, longitude, url }) => attempt({ latitude: degrees(latitude, "Latitude"), longitude: degrees(longitude, "Longitude"), url }),
    },
  );

/** One file from this machine, or null. */
export function chooseFile() {
  return new Promise((resolve) => {
    const input = h("input", { type: "file" });
    input.addEventListener("change", () => resolve(input.files[0] ?? null));
    input.addEventListener("cancel", () => resolve(null));
    input.click();
  });
}
