// Ways through the graph, op by op.

import { column, count, kind, of, operands } from "./data.js";

/** How many ways there are from the loss to the node, op by op, that go through none of the nodes held. */
export function countWays(loss, node, held = []) {
  const ways = new Map([[loss, 1]]);
  for (let i = loss; i > node; i--) {
    const mine = ways.get(i);
    if (!mine || kind(i).part !== "forward" || held.includes(i)) continue;
    for (const x of operands(i)) if (x >= node) ways.set(x, (ways.get(x) ?? 0) + mine);
  }
  return ways.get(node) ?? 0;
}

/** The nodes on the ways from a state to a loss that go from step to step through the given states, or through any; and
 *  their mirror images. */
export function nodesOn({ states }, loss, node, steps, through) {
  // Within its step another state may be on the way, but nothing is handed on from it.
  const barred = new Set();
  if (through) steps.forEach((s, n) => states.forEach((one, k) => k !== through[n] && barred.add(one.nodes[s])));
  const passes = (x, i) => !(barred.has(x) && column[x] !== column[i]);
  const reached = new Set([node]);
  for (let i = node + 1; i <= loss; i++) {
    if (kind(i).part === "forward" && operands(i).some((x) => reached.has(x) && passes(x, i))) reached.add(i);
  }
  const kept = new Set(reached.has(loss) ? [loss] : []);
  for (let i = loss; i > node; i--) {
    if (kept.has(i)) for (const x of operands(i)) if (reached.has(x) && passes(x, i)) kept.add(x);
  }
  for (let i = 0; i < count; i++) if (of(i) !== null && kept.has(of(i))) kept.add(i);
  return kept;
}
