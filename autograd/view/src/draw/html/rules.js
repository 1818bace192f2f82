// How far each adjoint is from what its node's users send back, as a check found it, and the colour of that; or, beside another
// net, how far each value is from the one of the same name there.

import { data, find } from "./data.js";
import { EQUAL, differenceColour, differenceInWords } from "./difference.js";

const errors = new Map((data.check?.rules ?? []).map(([i, e]) => [i, e ?? Infinity]));

/** The relative error of an adjoint's own equation, or null. */
export const error = (i) => errors.get(i) ?? null;

/** The differences to the other net by node, or null if none are shown. */
let differences = null;
export const setDifferences = (found) => (differences = found);

/** The largest among some nodes, or null. */
const worstOf = (nodes, of) => nodes.map(of).reduce((most, e) => (e === null ? most : Math.max(most ?? 0, e)), null);
const differenceOf = (i) => differences.get(i) ?? null;

/** Whether what a box is called is as far apart as the worst of its nodes, or at least nearly. */
const tells = (own, most) => own !== null && most <= Math.max(2 * own, EQUAL);

/** How a box that stands for nodes is judged: the classes and colour it gets, what is said of it, and the colour of a mark for
 *  what differs inside of it and not in what it is called. */
export function judgement(i, nodes) {
  const hurt = nodes.includes(guilty) ? " guilty" : "";
  if (differences === null) {
    const worst = worstOf(nodes, error);
    return { className: (worst === null ? "" : " ruled") + hurt, colour: worst === null ? null : shade(worst), words: null, mark: null };
  }
  const [own, most] = [differenceOf(i), worstOf(nodes, differenceOf)];
  if (most === null) return { className: " alone", colour: null, words: "only in this net, or of another size in the other", mark: null };
  const inside = tells(own, most) ? null : `inside: ${differenceInWords(most)}`;
  return {
    className: own === null ? " alone" : " differs",
    colour: own === null ? null : differenceColour(own),
    words: [own === null ? null : differenceInWords(own), inside].filter(Boolean).join(", "),
    mark: inside === null ? null : differenceColour(most),
  };
}

/** The node whose rule is wrong, or null. */
export const guilty = data.check?.report.guilty ? find(data.check.report.guilty.node) : null;

/** Green up to rounding, and from there to red. */
export function shade(e) {
  const share = e <= EQUAL ? 0 : Math.min(100, 40 + (60 * Math.log10(e / EQUAL)) / 9);
  return `color-mix(in oklab, var(--cut) ${share.toFixed(0)}%, var(--input))`;
}
