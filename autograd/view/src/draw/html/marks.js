// What stands for a node, and what for an operand.

import { kind, name } from "./data.js";
import { svg } from "./dom.js";
import { guilty, judgedBy, shade, worst } from "./rules.js";

/** What a reader hears of a node. */
export const spoken = (i) => `${name(i)}: ${kind(i).op}, ${kind(i).type}`;

/** A group that stands for nodes: chosen by a click, lit when they have been computed. */
export function group(i, className, nodes, ...children) {
  return svg(
    "g",
    {
      class: className + judged(nodes),
      role: "button",
      "aria-label": spoken(i),
      id: `n${i}`,
      "data-node": i,
      "data-first": nodes[0],
      "data-last": nodes.at(-1),
      style: worst(nodes) === null ? tint(i) : `--edge:${shade(worst(nodes))}`,
    },
    ...children,
  );
}

/** Whether a check has looked at some nodes, and who is guilty. */
const judged = (nodes) => (worst(nodes) === null ? "" : " ruled") + (nodes.includes(guilty) ? " guilty" : "");

/** The colour of its error or difference, if there is one; else a parameter and its gradient have one of their own. */
export function tint(i) {
  if (judgedBy(i) !== null) return `--edge:${shade(judgedBy(i))}`;
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
