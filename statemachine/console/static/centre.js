// What concerns the whole centre: its scenario, its knobs.

import { h } from "./dom.js";

/** The scenarios there are: name and sentence. */
export async function scenarios() {
  return [];
}

export function centreTools() {
  return h("span", {});
}
