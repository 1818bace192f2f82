// What stands for a node, and what for an operand.

import { kind, name } from "./data.js";
import { svg } from "./dom.js";

/** What a reader hears of a node. */
export const spoken = (i) => `${name(i)}: ${kind(i).op}, ${kind(i).type}`;

/** A group that stands for nodes: chosen by a click, lit when they have been computed. */
export function group(i, className, nodes, ...children) {
  return svg(
    "g",
    {
      class: className,
      role: "button",
      "aria-label": spoken(i),
      id: `n${i}`,
      "data-node": i,
      "data-first": nodes[0],
      "data-last": nodes.at(-1),
      style: tint(i),
    },
    ...children,
  );
}

/** A parameter and its gradient have a colour of their own. */
export const tint = (i) => (kind(i).parameter === null ? null : `--edge:var(--p${kind(i).parameter % 8})`);

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
