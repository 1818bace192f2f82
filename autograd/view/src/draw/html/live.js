// The computation itself: the page has the list of ops and the arrays of the leaves, and computes all others. So a number
// that is changed changes everything that is made of it, forward and backward.

import { adjoint, attributes, column, computed, count, data, f64, isStep, kind, kindNumber, numbers, operands, size } from "./data.js";
import { operation } from "./ops.js";

export const canChange = Boolean(data.live);
/** What is told after a change of numbers. */
export const recomputed = [];

const arrays = [];
const programs = [];
let givenNumbers = null;
/** Whether the Jacobians are those of other numbers, or of single precision. */
let stale = true;

/** Lays out the arrays, and finds for each node what computes it. */
function layOut() {
  const leaves = numbers(data.live.leaves);
  givenNumbers = f64(data.live.numbers);
  let length = 0;
  for (let i = 0; i < count; i++) length += size(i);
  const all = new Float64Array(length);
  const known = new Map();
  for (let i = 0, start = 0; i < count; start += size(i), i++) arrays[i] = all.subarray(start, start + size(i));
  let start = 0;
  for (const i of leaves) {
    arrays[i].set(givenNumbers.subarray(start, start + size(i)));
    start += size(i);
    programs[i] = null;
  }
  for (let i = 0; i < count; i++) {
    if (programs[i] === null) continue;
    const { op, shape } = kind(i);
    let key = String(kindNumber(i));
    for (const x of operands(i)) key += ` ${kindNumber(x)}`;
    // Nodes of one kind have the same attributes, but for places in a sequence.
    if (op === "at" || op === "slice" || op === "pad") key += attributes(i);
    let found = known.get(key);
    if (!found) {
      const shapes = Array.from(operands(i), (x) => kind(x).shape);
      known.set(key, (found = operation(op, attributes(i), shapes, shape)));
    }
    const xs = [];
    for (const x of operands(i)) xs.push(arrays[x]);
    programs[i] = { op: found, xs };
  }
}

function computeAll() {
  for (let i = 0; i < count; i++) if (programs[i]) programs[i].op.run(programs[i].xs, arrays[i]);
}

/** The numbers of a leaf, to be changed in place; `recompute` then makes everything follow. */
export const numbersOf = (i) => arrays[i];

export function recompute() {
  computeAll();
  stale = true;
  sharesFollow();
  recomputed.forEach((tell) => tell());
}

/** As the page was givenNumbers. */
export function reset() {
  let start = 0;
  for (const i of numbers(data.live.leaves)) {
    arrays[i].set(givenNumbers.subarray(start, start + size(i)));
    start += size(i);
  }
  recompute();
}

/** The Jacobians between neighbouring steps, and what the losses of a step owe to its states alone: in dual numbers, with
 *  the states of every other step held and moved unit by unit. */
export function lanesFollow() {
  if (!canChange || !stale) return;
  stale = false;
  for (const lane of data.reach.layers) {
    const steps = Object.keys(lane.states[0].nodes)
      .map(Number)
      .filter((s) => lane.states.every(({ nodes }) => nodes[s] !== undefined));
    if (Object.keys(lane.jacobians).length === 0) continue;
    const width = lane.sizes.reduce((a, b) => a + b, 0);
    for (const s of Object.keys(lane.jacobians)) lane.jacobians[s] = new Float64Array(lane.batch * width * width);
    for (const d of Object.values(lane.direct)) d.fill(0);
    for (const parity of [0, 1]) measureJacobians(lane, steps.filter((s) => s % 2 === parity), width);
  }
}

function measureJacobians(lane, held, width) {
  const isHeld = new Map();
  for (const s of held) lane.states.forEach(({ nodes }, k) => isHeld.set(nodes[s], k));
  // What depends on the held states, in order.
  const touched = new Uint8Array(count);
  const order = [];
  for (let i = 0; i < count; i++) {
    if (kind(i).part !== "forward") continue;
    if (isHeld.has(i)) touched[i] = 1;
    else if (operands(i).some((x) => touched[x])) {
      touched[i] = 1;
      order.push(i);
    }
  }
  const tangents = new Map();
  const zeros = new Map();
  const zero = (i) => zeros.get(i) ?? (zeros.set(i, new Float64Array(size(i))), zeros.get(i));
  for (const i of [...isHeld.keys(), ...order]) tangents.set(i, new Float64Array(size(i)));
  const along = order.map((i) => Array.from(operands(i), (x) => tangents.get(x) ?? zero(x)));
  let unit = 0;
  lane.states.forEach((_, moved) => {
    for (let u = 0; u < lane.sizes[moved]; u++, unit++) {
      for (const [i, k] of isHeld) {
        const t = tangents.get(i).fill(0);
        if (k === moved) for (let b = 0; b < lane.batch; b++) t[b * lane.sizes[k] + u] = 1;
      }
      order.forEach((i, n) => programs[i].op.tangent(programs[i].xs, along[n], arrays[i], tangents.get(i)));
      for (const s of held) {
        const later = lane.reverse ? s - 1 : s + 1;
        const jacobian = lane.jacobians[later];
        let first = 0;
        lane.states.forEach(({ nodes }, k) => {
          const made = tangents.get(nodes[later]);
          if (jacobian && made)
            for (let b = 0; b < lane.batch; b++)
              for (let r = 0; r < lane.sizes[k]; r++)
                jacobian[(b * width + first + r) * width + unit] = made[b * lane.sizes[k] + r];
          first += lane.sizes[k];
        });
      }
      data.reach.losses.forEach((loss, l) => {
        const s = lane.lossSteps[l];
        if (s % 2 !== held[0] % 2 || !lane.direct[l]) return;
        // One number for all sequences of a batch.
        const d = tangents.get(loss);
        if (d) lane.direct[l][unit] = d[0];
      });
    }
  });
}

/** What the steps add to the gradients: ⟨gₜ, g⟩ / ‖g‖ and ‖gₜ‖. */
function sharesFollow() {
  const length = (x) => Math.hypot(...x);
  for (const share of data.shares) {
    const g = arrays[share.gradient];
    share.norm = length(g);
    share.along.fill(0);
    share.norms.fill(0);
    const unit = share.norm > 0 ? g.map((x) => x / share.norm) : g;
    const add = (i, c, part) => {
      const s = c - 2;
      const term = arrays[i];
      if (!isStep(c) || term.length !== part.length) return;
      share.along[s] += term.reduce((sum, x, k) => sum + x * part[k], 0);
      share.norms[s] = Math.hypot(share.norms[s], length(term));
    };
    const collect = (i, part) => {
      if (isStep(column[i])) return add(i, column[i], part);
      const axis = Number(/axis=(\d+)/.exec(attributes(i))?.[1] ?? 0);
      const inner = kind(i).shape.slice(axis + 1).reduce((a, b) => a * b, 1);
      const outer = kind(i).shape.slice(0, axis).reduce((a, b) => a * b, 1);
      const cut = (from, n) => {
        const whole = kind(i).shape[axis];
        const piece = new Float64Array(outer * n * inner);
        for (let o = 0; o < outer; o++)
          piece.set(part.subarray((o * whole + from) * inner, (o * whole + from + n) * inner), o * n * inner);
        return piece;
      };
      if (kind(i).op === "add") for (const x of operands(i)) collect(x, part);
      else if (kind(i).op === "concat") {
        let from = 0;
        for (const x of operands(i)) {
          collect(x, cut(from, kind(x).shape[axis]));
          from += kind(x).shape[axis];
        }
      } else if (kind(i).op === "pad") {
        const [x] = operands(i);
        collect(x, cut(Number(/(\d+)\+/.exec(attributes(i))[1]), kind(x).shape[axis]));
      } else {
        const x = Array.from(operands(i)).find((x) => column[x] !== 0);
        if (x !== undefined) add(i, column[x], part);
      }
    };
    collect(share.gradient, unit);
  }
}

/** The loss that is minimised, and its gradient by a leaf. */
export const lossNode = () => data.live.loss;
export const gradientOf = (i) => (adjoint(i) === null ? null : arrays[adjoint(i)]);

if (canChange) {
  layOut();
  computeAll();
  computed.values = arrays;
}
