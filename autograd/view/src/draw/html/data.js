// The tables that the page was given, unpacked: which nodes there are and what is known of them.

import { $ } from "./dom.js";

const read = (id) => JSON.parse($(id).textContent);

function bytes(base64) {
  const text = atob(base64);
  const array = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) array[i] = text.charCodeAt(i);
  return array;
}

/** Whole numbers, seven bits a byte, the low ones first. */
export function numbers(base64) {
  const packed = bytes(base64);
  const array = new Uint32Array(packed.length);
  let count = 0;
  for (let i = 0, number = 0, place = 1; i < packed.length; i++) {
    number += (packed[i] & 0x7f) * place;
    place *= 128;
    if (packed[i] < 0x80) {
      array[count++] = number;
      number = 0;
      place = 1;
    }
  }
  return array.subarray(0, count);
}

/** Real numbers in double precision. */
export const f64 = (base64) => new Float64Array(bytes(base64).buffer);

export const data = read("data");
const kinds = read("kinds");
const texts = read("texts");

export const SIDE = 0;
export const END = 1;
/** Columns from here on are steps. */
export const FIRST = 2;

export const count = data.nodes.count;
export const stepCount = data.steps.length;
const kindOf = numbers(data.nodes.kind);
export const column = numbers(data.nodes.column);
const ahead = numbers(data.nodes.adjoint);
const back = numbers(data.nodes.of);
export const shown = numbers(data.nodes.shown);

export const kind = (i) => kinds[kindOf[i]];
/** Nodes of one number have one kind. */
export const kindNumber = (i) => kindOf[i];

// Operands lie one after the other; a node's begin at `first`.
const distances = numbers(data.nodes.operands);
const first = new Uint32Array(count + 1);
for (let i = 0; i < count; i++) first[i + 1] = first[i] + kind(i).arity;
const operandList = new Uint32Array(distances.length);
const firstUser = new Uint32Array(count + 1);
for (let i = 0; i < count; i++) {
  for (let k = first[i]; k < first[i + 1]; k++) {
    operandList[k] = i - distances[k];
    firstUser[operandList[k] + 1]++;
  }
}
for (let i = 0; i < count; i++) firstUser[i + 1] += firstUser[i];
const userList = new Uint32Array(operandList.length);
const filledUpTo = firstUser.slice();
for (let i = 0; i < count; i++) {
  for (let k = first[i]; k < first[i + 1]; k++) userList[filledUpTo[operandList[k]]++] = i;
}

export const operands = (i) => operandList.subarray(first[i], first[i + 1]);
export const users = (i) => userList.subarray(firstUser[i], firstUser[i + 1]);
/** The adjoint in the first sweep, or null. */
export const adjoint = (i) => (ahead[i] ? i + ahead[i] : null);
/** The forward node that a backward node belongs to, or null. */
export const of = (i) => (back[i] ? i - back[i] : null);

/** The number of a column's step. */
export const stepNumber = (c) => data.steps[c - FIRST];
export const isStep = (c) => c >= FIRST;

/** A text at a column; with `t` for the number of the step if no column is given. */
export function text(id, c = null) {
  const at = (lag) => {
    if (c !== null) return String(stepNumber(c) + lag);
    return lag === 0 ? "t" : lag > 0 ? `t+${lag}` : `t−${-lag}`;
  };
  return texts[id].map((piece) => (typeof piece === "number" ? at(piece) : piece)).join("");
}
const textOf = (i, id) => text(id, isStep(column[i]) ? column[i] : 0);

export const name = (i) => textOf(i, kind(i).name);
export const title = (i) => textOf(i, kind(i).title);
export const subtitle = (i) => (kind(i).subtitle === null ? null : textOf(i, kind(i).subtitle));
export const equation = (i) => (kind(i).equation === null ? null : textOf(i, kind(i).equation));
export const rule = (i) => (kind(i).rule === null ? null : textOf(i, kind(i).rule));
export const attributes = (i) => textOf(i, kind(i).attributes);
export const tag = (i, port) => {
  const id = kind(i).tags[port];
  return id === null || id === undefined ? null : textOf(i, id);
};

/** The node of a name, or null. Names are made when they are first asked for. */
export function find(wanted) {
  if (!find.table) {
    find.table = new Map();
    for (let i = count - 1; i >= 0; i--) if (shown[i]) find.table.set(name(i), i);
  }
  return find.table.get(wanted) ?? null;
}

/** Nodes by column, block and part: what is in a closed box. */
const boxes = new Map();
const inColumn = Array.from({ length: stepCount + FIRST }, () => []);
const key = (c, block, part) => (c * data.blocks.length + block) * 2 + (part === "forward" ? 0 : 1);
for (let i = 0; i < count; i++) {
  if (!shown[i]) continue;
  inColumn[column[i]].push(i);
  const { block, part } = kind(i);
  if (block === null) continue;
  const k = key(column[i], block, part);
  if (boxes.has(k)) boxes.get(k).push(i);
  else boxes.set(k, [i]);
}
export const nodesIn = (c) => inColumn[c];
export const box = (c, block, part) => boxes.get(key(c, block, part)) ?? null;

/** States of layers, by the layer's name. */
export const lanes = new Map(data.reach.layers.map((lane) => [lane.name, lane]));

/** The node that stands for a box: its state, its named value, or the last one. */
export function face(nodes) {
  const { part, block } = kind(nodes[0]);
  if (column[nodes[0]] === SIDE)
    return nodes.find((i) => ["parameter", "input", "gradient"].includes(kind(i).class)) ?? nodes.at(-1);
  const lane = lanes.get(data.blocks[block].name);
  const c = column[nodes[0]];
  if (lane && data.blocks[block].kind === "cell") {
    for (const state of lane.states) {
      const node = state.nodes[c - FIRST];
      const wanted = part === "forward" ? node : node === undefined ? null : adjoint(node);
      if (wanted !== null && wanted !== undefined && nodes.includes(wanted)) return wanted;
    }
  }
  const named = nodes.filter((i) =>
    ["named", "output", "adjoint", "gradient", "parameter", "input"].includes(kind(i).class),
  );
  return named.at(-1) ?? nodes.at(-1);
}

/** What a box is called. The adjoint of its value may be another node's: a summand's is that of the sum. Then no node in the box
 *  has the name, and the place says what it is. */
export function boxName(nodes) {
  const i = face(nodes);
  const values = handedOn(nodes);
  return values === null ? name(i) : `∂${name(values)}`;
}

/** The forward node of which a backward box passes the adjoint on without having it, or null. */
export function handedOn(nodes) {
  const i = face(nodes);
  const { part, block, class: what } = kind(i);
  const forward = part === "backward" && what === "backward" && block !== null ? box(column[i], block, "forward") : null;
  return forward === null ? null : face(forward);
}

// Values: numbers of all nodes one after the other.
const WHOLE = data.values?.whole ?? 0;
const floats = data.values?.numbers ? new Float32Array(bytes(data.values.numbers).buffer) : null;
const kindSizes = kinds.map(({ shape }) => shape.reduce((a, b) => a * b, 1));
export const size = (i) => kindSizes[kindOf[i]];
/** The values of all nodes, once the page has computed them itself. */
export const computed = { values: null };
const firstNumber = new Uint32Array(count + 1);
if (floats) {
  for (let i = 0; i < count; i++) firstNumber[i + 1] = firstNumber[i] + (size(i) <= WHOLE ? size(i) : WHOLE + 4);
}

/** ‖x‖, of which the largest size is known: squares of what is very small or large would be lost. */
export function euclid(x, largest) {
  if (!(largest > 0) || !Number.isFinite(largest)) return largest > 0 ? largest : 0;
  let sum = 0;
  for (const v of x) sum += (v / largest) ** 2;
  return largest * Math.sqrt(sum);
}

/** A node's value: its entries or stretches of them, whether they are whole, and their statistics; or null. */
export function value(i) {
  if (!floats && !computed.values) return null;
  const given = computed.values ? computed.values[i] : floats.subarray(firstNumber[i], firstNumber[i + 1]);
  if (!computed.values && size(i) > WHOLE) {
    const [min, max, mean, norm] = given;
    return { entries: given.subarray(4), whole: false, count: size(i), min, max, mean, norm };
  }
  let [min, max, sum] = [Infinity, -Infinity, 0];
  for (const x of given) {
    min = Math.min(min, x);
    max = Math.max(max, x);
    sum += x;
  }
  return {
    entries: given,
    whole: true,
    count: given.length,
    min,
    max,
    mean: sum / given.length,
    norm: euclid(given, Math.max(max, -min)),
  };
}
