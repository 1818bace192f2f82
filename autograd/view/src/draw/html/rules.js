// How far each adjoint is from what its node's users send back, as a check found it, and the colour of that.

import { data, find } from "./data.js";

const errors = new Map((data.check?.rules ?? []).map(([i, e]) => [i, e ?? Infinity]));

/** The relative error of an adjoint's own equation, or null. */
export const error = (i) => errors.get(i) ?? null;

/** Beside another net: how far each value is, relatively, from the one of the same name there. */
let differences = new Map();
export const setDifferences = (found) => (differences = found);

/** What a node is coloured by, or null: its difference, or else its error. */
export const judgedBy = (i) => differences.get(i) ?? error(i);

/** The largest among some nodes, or null. */
export const worst = (nodes) => nodes.map(judgedBy).reduce((most, e) => (e === null ? most : Math.max(most ?? 0, e)), null);

/** The node whose rule is wrong, or null. */
export const guilty = data.check?.report.guilty ? find(data.check.report.guilty.node) : null;

/** Rounding stays below this. */
export const ROUNDING = 1e-11;

/** Green up to rounding, and from there to red. */
export function shade(e) {
  const share = e <= ROUNDING ? 0 : Math.min(100, 40 + (60 * Math.log10(e / ROUNDING)) / 9);
  return `color-mix(in oklab, var(--cut) ${share.toFixed(0)}%, var(--input))`;
}
