// The equations of a step, forward and backward, as they were read off the graph; and which nodes a term of them is.

import { FIRST, SIDE, adjoint, column, data, find, isStep, kind, lanes, name, operands, stepCount } from "./data.js";
import { el, turned, typeset, wrap } from "./dom.js";

const { formulas } = data;
export const hasEquations = formulas.length > 0;

/** The node that an equation speaks of at a step of a layer, or null: a name of that layer, of the net, or a weight. */
function resolve(mention, lane, s) {
  const { name: word, alias, lag, part } = mention;
  let i = null;
  if (lag === null) {
    const layer = lane.name.replace(/\/forward$/, "").replace("/", "_");
    i = find(`${lane.name}/${word}`) ?? find(`rnn.${alias ?? word}_${layer}`) ?? find(word);
  } else {
    const n = data.steps[s] + (lane.reverse ? -lag : lag);
    const at = `${word}[${n}]${part === null ? "" : `#${part}`}`;
    i = find(`${lane.name}/${at}`) ?? find(at);
  }
  return i !== null && mention.adjoint ? adjoint(i) : i;
}

const hasName = (i) => !["interior", "backward", "constant"].includes(kind(i).class);

/** The terms of an equation at a step: what it defines, and for each term the nodes that it is, with those that it reads. */
export function termsAt(k, lane, s) {
  const { of, terms } = formulas[k];
  const target = of === null ? null : resolve(of, lane, s);
  const reads = terms.map((mentions) => mentions.map((m) => resolve(m, lane, s)).filter((i) => i !== null));
  if (target === null) return { target, nodes: reads, reads };
  // What is written out in the equation: from the target back to what has a name in it.
  const ends = new Set(reads.flat());
  const written = new Map();
  const leavesOf = (i) => {
    if (written.has(i)) return written.get(i);
    const found = new Set();
    written.set(i, found);
    for (const x of operands(i)) {
      if (kind(x).class === "constant") continue;
      if (ends.has(x) || hasName(x) || column[x] === SIDE) found.add(x);
      else leavesOf(x).forEach((leaf) => found.add(leaf));
    }
    return found;
  };
  leavesOf(target);
  const nodes = reads.map((mine) => {
    // What has no name in the layer, as the input of a higher one, is another layer's.
    const known = (leaf) => mine.includes(leaf) || !ends.has(leaf);
    const all = new Set([target, ...mine]);
    for (const [i, leaves] of written)
      if (i !== target && leaves.size > 0 && [...leaves].every(known) && [...leaves].some((leaf) => mine.includes(leaf))) all.add(i);
    return [...all];
  });
  return { target, nodes, reads };
}

/** The steps of a layer. */
export const stepsOfLane = (lane) => Object.keys(lane.states[0].nodes).map(Number).filter((s) => s >= 0 && s < stepCount);

/** A term at all steps. */
export function nodesOfTerm(k, term, lane) {
  const all = new Set();
  for (const s of stepsOfLane(lane)) {
    const { target, nodes } = termsAt(k, lane, s);
    if (target !== null) nodes[term].forEach((i) => all.add(i));
  }
  return all;
}

/** Whether a term brings a gradient, or a state, from another step. */
export const crossesSteps = (k, term) => {
  const { of, terms } = formulas[k];
  return terms[term].some((m) => m.adjoint === (of?.adjoint ?? false) && m.lag !== null && of?.lag !== undefined && m.lag !== of.lag);
};

/** The terms that have a node in them, or that hand something on along a way: `{ k, term }`. */
export function termsWith(lane, steps, has) {
  const found = [];
  formulas.forEach(({ of }, k) => {
    if (of === null) return;
    const lit = new Set();
    for (const s of steps) {
      const { target, nodes, reads } = termsAt(k, lane, s);
      if (target === null) continue;
      nodes.forEach((mine, term) => has(target, mine, reads[term]) && lit.add(term));
    }
    lit.forEach((term) => found.push({ k, term }));
  });
  return found;
}

/** Where a node stands: the layer and the step whose equations speak of it. */
export function placeOf(i) {
  if (!isStep(column[i])) return null;
  const layer = name(i).replace(/^∂?\(?/, "");
  for (const lane of lanes.values()) if (layer.startsWith(`${lane.name}/`)) return { lane, s: column[i] - FIRST };
  return { lane: [...lanes.values()].at(-1), s: column[i] - FIRST };
}

/** All equations; `hover(k, term)` is told which term the pointer is on, or null. */
export function equationList(hover) {
  const box = el("div", { id: "formulas", tabindex: 0, role: "group", "aria-label": "the equations of a step, forward and backward" });
  const group = ({ of }) => (of?.adjoint ? (of.lag === null ? "Gradients" : "Backward") : "Forward");
  let last = null;
  box.append(el("p", { class: "note", id: "equations-of" }));
  formulas.forEach((formula, k) => {
    const words = formula.of === null ? last : group(formula);
    if (words !== last) box.append(el("h3", {}, (last = words)));
    box.append(el("div", { class: "formula-row", "data-formula": k }));
  });
  const on = (e) => {
    const term = e.target.closest?.(".term");
    const row = e.target.closest?.("[data-formula]");
    hover(row && term ? Number(row.dataset.formula) : null, term ? Number(term.getAttribute("data-term")) : null);
  };
  box.addEventListener("pointerover", on);
  box.addEventListener("pointerleave", () => hover(null, null));
  // With the keys: from term to term.
  let at = -1;
  box.addEventListener("keydown", (e) => {
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[e.key];
    if (!by) return;
    e.preventDefault();
    e.stopPropagation();
    const all = [...box.querySelectorAll(".term")];
    at = Math.max(0, Math.min(all.length - 1, at + by));
    all[at].scrollIntoView({ block: "nearest" });
    hover(Number(all[at].closest("[data-formula]").dataset.formula), Number(all[at].getAttribute("data-term")));
  });
  return box;
}

/** Sums that are wider than the frame go on in the next line. */
export function wrapEquations(box) {
  const most = (box.parentElement?.clientWidth ?? 0) - 34;
  box.querySelectorAll(".formula-row").forEach((row) => wrap(row, most));
}

/** Writes the equations of a layer: one that reads backwards comes from t + 1. */
export function writeEquations(box, lane) {
  if (box.dataset.lane === lane.name) return;
  box.dataset.lane = lane.name;
  box.querySelectorAll(".formula-row").forEach((row) => {
    const { math } = formulas[Number(row.dataset.formula)];
    row.replaceChildren(typeset(lane.reverse ? turned(math) : math));
  });
  box.querySelectorAll(".term").forEach((term) => term.setAttribute("tabindex", "-1"));
  const all = [...lanes.values()];
  const words = [];
  if (all.length > 1) words.push(`Layer ${lane.name}.`);
  if (lane.reverse) words.push("It reads from the last step to the first: what came before t is at t+1.");
  const depth = (l) => l.name.split("/")[0];
  if (depth(lane) !== depth(all[0])) words.push("Its x[t] is what the layer below gives.");
  if (depth(lane) !== depth(all.at(-1))) words.push("What stands here for the head is the layer above.");
  box.querySelector("#equations-of").textContent = words.join(" ");
  box.querySelector("#equations-of").hidden = words.length === 0;
}

/** Marks terms in the list. */
export function markTerms(box, found) {
  box.querySelectorAll(".term.lit").forEach((e) => e.classList.remove("lit"));
  for (const { k, term } of found)
    box.querySelectorAll(`[data-formula="${k}"] [data-term="${term}"]`).forEach((e) => e.classList.add("lit"));
}
