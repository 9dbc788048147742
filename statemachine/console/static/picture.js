// The lifecycle with the current phase lit, as the server has it and as the client has it.

import { lifecycle } from "./api.js";
import { h, show } from "./dom.js";
import { current, customerOf, onChange } from "./store.js";

export async function picture(box) {
  const svg = globalThis.drawLifecycle(await lifecycle());
  const legend = h("p", { class: "legend" });
  box.append(svg, legend);
  onChange(() => {
    const found = current();
    const screen = found && customerOf(found.chat.chat_id);
    const visited = new Set(found?.phases ?? []);
    for (const state of svg.querySelectorAll(".state")) {
      const name = state.dataset.state;
      state.classList.toggle("lit", found?.chat.phase === name);
      state.classList.toggle("visited", visited.has(name));
      state.classList.toggle("client", screen?.stage === name);
    }
    svg.classList.toggle("warned", Boolean(found?.chat.warned));
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
