// What the pages share: elements from data, times, and the picture of the lifecycle. The pages find it as `page`.
{
  const SVG = "http://www.w3.org/2000/svg";

  function fill(element, props, children) {
    for (const [name, value] of Object.entries(props)) {
      if (value === undefined || value === null || value === false) continue;
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (name === "value" || name === "checked" || name === "disabled") element[name] = value;
      else element.setAttribute(name, value === true ? "" : String(value));
    }
    element.append(...children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false));
    return element;
  }

  /** An element: h("button", { class: "big", onclick: f }, "text", other). Text stays text: strangers write the chats. */
  const h = (tag, props = {}, ...children) => fill(document.createElement(tag), props, children);

  /** The same for SVG. */
  const s = (tag, props = {}, ...children) => fill(document.createElementNS(SVG, tag), props, children);

  const padded = (number, digits = 2) => String(number).padStart(digits, "0");

  /** The local time of day, or "" without one. `ms`: milliseconds since the epoch. */
  function clock(ms, withMilliseconds = false) {
    const date = new Date(ms);
    if (ms === null || Number.isNaN(date.getTime())) return "";
    const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map((one) => padded(one)).join(":");
    return withMilliseconds ? `${time}.${padded(date.getMilliseconds(), 3)}` : time;
  }

  // --- the lifecycle, laid out for a narrow column ---
  // A state is `.state[data-state]`; an arc is `[data-from][data-to]`, between states or between kinds of boxes.

  const WIDTH = 380;
  const SIDE = 34; // for the arcs that pass a box by
  const ROOM = 10;
  const CHIP = 24;
  const LETTER = 6.4;
  const BETWEEN = 30; // from box to box

  const wide = (name) => Math.round(name.length * LETTER) + 16;

  /** Chips in rows, as many as fit. */
  function rows(names, width) {
    const found = [[]];
    let used = 0;
    for (const name of names) {
      if (used && used + wide(name) > width) {
        found.push([]);
        used = 0;
      }
      found.at(-1).push(name);
      used += wide(name) + 18;
    }
    return found;
  }

  function layout(outline) {
    const chips = new Map();
    const boxes = new Map();
    let y = 2;
    for (const box of outline.boxes) {
      const top = y;
      y += 22;
      for (const row of rows(box.states, WIDTH - 2 * SIDE - 2 * ROOM)) {
        const free = WIDTH - 2 * SIDE - row.reduce((sum, name) => sum + wide(name), 0);
        const gap = Math.min(box.arcs.length ? 26 : 14, (free - 2 * ROOM) / Math.max(1, row.length - 1));
        let x = SIDE + (free - gap * (row.length - 1)) / 2;
        for (const name of row) {
          chips.set(name, { x, y, width: wide(name), kind: box.kind });
          x += wide(name) + gap;
        }
        y += CHIP + 12;
      }
      boxes.set(box.kind, { ...box, top, bottom: y, index: boxes.size });
      y += BETWEEN;
    }
    return { chips, boxes, height: y - BETWEEN + 4 };
  }

  function inner(chips, [from, to]) {
    const [a, b] = [chips.get(from), chips.get(to)];
    const middle = CHIP / 2;
    if (a.y === b.y) return `M${a.x + a.width},${a.y + middle}H${b.x - 2}`;
    const turn = (a.y + CHIP + b.y) / 2;
    return `M${a.x + a.width / 2},${a.y + CHIP}V${turn}H${b.x + b.width / 2}V${b.y - 2}`;
  }

  function outer(boxes) {
    const lanes = { left: 0, right: 0 };
    return ({ from, to }) => {
      const [a, b] = [boxes.get(from), boxes.get(to)];
      const down = b.index > a.index;
      const centre = WIDTH / 2 + (down ? -26 : 26);
      if (Math.abs(a.index - b.index) === 1) {
        return down ? `M${centre},${a.bottom}V${b.top - 2}` : `M${centre},${a.top}V${b.bottom + 2}`;
      }
      const side = down ? "left" : "right";
      const lane = (lanes[side] += 1) * 9;
      const [edge, turn] = down ? [SIDE, SIDE - lane] : [WIDTH - SIDE, WIDTH - SIDE + lane];
      const start = a.top + (a.bottom - a.top) * (down ? 0.7 : 0.3) + lane / 3;
      const stop = b.top + (b.bottom - b.top) * (down ? 0.3 : 0.7) + lane / 3;
      const bend = Math.sign(turn - edge) * 6;
      const turns = down ? 6 : -6;
      return (
        `M${edge},${start}H${turn - bend}Q${turn},${start} ${turn},${start + turns}` +
        `V${stop - turns}Q${turn},${stop} ${turn - bend},${stop}H${edge + (down ? -2 : 2)}`
      );
    };
  }

  /** The picture, from boxes and arcs as the table has them. */
  function drawLifecycle(outline) {
    const { chips, boxes, height } = layout(outline);
    const path = outer(boxes);
    const arrow = s(
      "marker",
      { id: "arrow", viewBox: "0 0 8 8", refX: 6, refY: 4, markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse", orient: "auto" },
      s("path", { d: "M0,0L8,4L0,8z" }),
    );
    return s(
      "svg",
      { class: "lifecycle", viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-labelledby": "picture-title" },
      s("title", { id: "picture-title" }, "The lifecycle of a chat session"),
      s("defs", {}, arrow),
      ...outline.between.map((arc) => {
        const d = path(arc); // once: each arc is given its lane in turn
        const ends = { "data-from": arc.from, "data-to": arc.to };
        return s("g", { class: "arc", ...ends }, s("title", {}, arc.on.join(", ")), s("path", { class: "grip", d }), s("path", { class: "arrow", d }));
      }),
      ...outline.boxes.map((box) => {
        const { top, bottom } = boxes.get(box.kind);
        return s(
          "g",
          { class: `box ${box.kind}` },
          s("rect", { x: SIDE, y: top, width: WIDTH - 2 * SIDE, height: bottom - top, rx: 7 }),
          s("text", { x: SIDE + ROOM, y: top + 15, class: "title" }, box.title),
          ...box.arcs.map((arc) => s("path", { class: "arrow", d: inner(chips, arc), "data-from": arc[0], "data-to": arc[1] })),
          ...box.states.map((name) => {
            const chip = chips.get(name);
            return s(
              "g",
              { class: "state", "data-state": name },
              s("rect", { x: chip.x, y: chip.y, width: chip.width, height: CHIP, rx: 6 }),
              s("text", { x: chip.x + chip.width / 2, y: chip.y + 16 }, name),
            );
          }),
        );
      }),
    );
  }

  /** Mark the state that is entered, those that were visited, and the arrows that were taken last. */
  function light(svg, phase, visited, isTaken = () => false) {
    for (const state of svg.querySelectorAll(".state")) {
      state.classList.toggle("lit", state.dataset.state === phase);
      state.classList.toggle("visited", visited.has(state.dataset.state));
    }
    for (const arc of svg.querySelectorAll("[data-from]")) arc.classList.toggle("took", isTaken(arc.dataset.from, arc.dataset.to));
  }

  globalThis.page = { h, s, padded, clock, drawLifecycle, light };
}
