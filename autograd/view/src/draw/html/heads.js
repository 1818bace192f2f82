// The heads of columns, and the cuts between them.

import { column, isStep, kind, nodesIn, operands, stepNumber } from "./data.js";
import { svg } from "./dom.js";
import { drawRead, drawSaid } from "./notes.js";
import { starts } from "./places.js";
import { state, toggle } from "./state.js";

/** The number of a step, on which a click opens it; what the step reads and says. */
export function drawHead(p, c, g) {
  if (state.rolled) return;
  const open = p.isOpen(c);
  const x = p.left(c) + p.width(c) / 2;
  if (open)
    g.append(
      svg("rect", { class: "sheet", x: p.left(c) - 12, y: 26, width: p.width(c) + 24, height: p.height - 34, rx: 14 }),
    );
  const head = svg(
    "g",
    {
      class: "head",
      role: "button",
      tabindex: starts.has(c) ? null : 0,
      "aria-expanded": open,
      "aria-label": `step ${stepNumber(c)}: ${open ? "close" : "open"}`,
      onclick: () => !starts.has(c) && toggle(c),
      onkeydown: (e) =>
        (e.key === "Enter" || e.key === " ") && !starts.has(c) && (e.preventDefault(), e.stopPropagation(), toggle(c)),
    },
    svg("rect", { x: x - 44, y: p.top + 2, width: 88, height: 22, rx: 11 }),
    svg(
      "text",
      { x, y: p.top + 17 },
      `t = ${stepNumber(c)}`,
      starts.has(c) ? null : svg("tspan", { class: "sign-open", dx: 7 }, open ? "−" : "+"),
    ),
  );
  g.append(head);
  drawSaid(c, x, p.top + 26, g);
  drawRead(c, x, p.reads, g);
}

/** Where the gradient is cut between a step and its neighbour. */
export function drawCuts(p, c, g) {
  const sides = new Set();
  for (const i of nodesIn(c)) {
    if (kind(i).class !== "cut") continue;
    for (const x of operands(i)) if (isStep(column[x]) && column[x] !== c) sides.add(Math.sign(column[x] - c));
  }
  for (const side of sides) {
    // Just before the later step: what belongs to the earlier one may stand between them.
    const later = side < 0 ? c : c + 1;
    const gap = p.left(later) - p.left(later - 1) - p.width(later - 1);
    const x = p.left(later) + (p.tall ? -gap / 2 : 2);
    g.append(
      svg("path", { class: "severed", d: `M${x},${p.top + 30}V${p.height - 8}` }, svg("title", {}, "the gradient is cut here")),
      svg("text", { class: "scissors", x, y: p.top + 22 }, "✂"),
    );
  }
}
