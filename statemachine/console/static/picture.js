// The lifecycle with the current phase lit, as the server has it and as the client has it.

import { lifecycle } from "./api.js";
import { h, show } from "./dom.js";
import { current, customerOf, onChange } from "./store.js";

export async function picture(box) {
  const svg = globalThis.page.drawLifecycle(await lifecycle());
  const legend = h("p", { class: "legend" });
  box.append(svg, legend);
  onChange(() => {
    const found = current();
    const screen = found && customerOf(found.chat.chat_id);
    const phase = found?.chat.warned ? "warned" : found?.chat.phase;
    globalThis.page.light(svg, phase, new Set(found?.phases ?? []));
    for (const state of svg.querySelectorAll(".state")) state.classList.toggle("client", screen?.phase === state.dataset.state);
    show(
      legend,
      found
        ? [
            "server: ",
            h("b", {}, found.chat.phase),
            found.chat.warned && h("b", { class: "warn" }, " · warned"),
            screen && [" · client: ", h("b", { class: "ring" }, screen.phase)],
          ]
        : "Select a chat to see its phase.",
    );
  });
}
