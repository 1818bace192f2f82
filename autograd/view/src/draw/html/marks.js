// What stands for a node, and what for an operand.

import { boxName, kind, name } from "./data.js";
import { svg } from "./dom.js";
import { judgement } from "./rules.js";

/** What a reader hears of a node. */
export const spoken = (i) => `${name(i)}: ${kind(i).op}, ${kind(i).type}`;

/** A group that stands for nodes: chosen by a click, lit when they have been computed. */
export function group(i, className, nodes, ...children) {
  const { className: judged, colour, words, mark } = judgement(i, nodes);
  const heard = nodes.length > 1 && boxName(nodes) !== name(i) ? `${boxName(nodes)}: ${nodes.length} ops` : spoken(i);
  const title = children.find((child) => child?.localName === "title");
  if (words !== null && title) title.textContent += ` · ${words}`;
  return svg(
    "g",
    {
      class: className + judged,
      role: "button",
      "aria-label": heard,
      id: `n${i}`,
      "data-node": i,
      "data-first": nodes[0],
      "data-last": nodes.at(-1),
      style: judged.includes("alone") ? null : tint(i, colour),
    },
    ...children,
    ...(mark === null ? [] : [corner(children, mark, words)]),
  );
}

/** A mark at the upper right corner of a box. */
function corner(children, colour, words) {
  const rect = children.find((child) => child?.localName === "rect");
  const [x, y, width] = ["x", "y", "width"].map((name) => Number(rect.getAttribute(name)));
  return svg("circle", { class: "inside-differs", cx: x + width - 7, cy: y + 6, r: 5, style: `fill:${colour}` }, svg("title", {}, words));
}

/** The colour of its error or difference, if there is one; else a parameter and its gradient have one of their own. */
export function tint(i, judged = judgement(i, [i]).colour) {
  if (judged !== null) return `--edge:${judged}`;
  return kind(i).parameter === null ? null : `--edge:var(--p${kind(i).parameter % 8})`;
}

/** A line from a node to its user. */
export const edge = (from, to, part, d, className = "") =>
  svg("path", {
    class: `edge ${part} ${className}`,
    d,
    "data-from": from,
    "data-to": to,
    "data-first": to,
    "data-last": to,
    "marker-end": `url(#arrow-${part})`,
  });
