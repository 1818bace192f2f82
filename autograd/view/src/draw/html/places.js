// Where everything stands: columns from left to right, rows from top to bottom.
//
// There are three pictures. *Rolled*: one step stands for all. *Compact*: all steps are closed, and rows are as high as
// their boxes. *Tall*: some steps are open; they have the places that were laid out beforehand, and the boxes of
// closed steps reach as high as what is in them.

import {
  END,
  FIRST,
  SIDE,
  adjoint,
  box,
  column,
  count,
  data,
  face,
  isStep,
  kind,
  lanes,
  nodesIn,
  operands,
  shown,
  stepCount,
  users,
} from "./data.js";
import { ABOVE, BELOW } from "./notes.js";
import { state } from "./state.js";

const CLOSED = { width: 136, gap: 46, box: 104 };
const NARROW = 58;
const ROLLED = 380;
const PILL = 27;
const HEAD = 40;
const RAIL = 44;
const BETWEEN = 24;

const { blocks, looks, sheet } = data;
export const hasBackward = data.reach.losses.length > 0 || nodesIn(SIDE).some((i) => kind(i).part === "backward");

/** Whether a value depends on what is learned. */
export const learned = new Uint8Array(count);
for (let i = 0; i < count; i++) {
  learned[i] = kind(i).class === "parameter" || operands(i).some((x) => learned[x]) ? 1 : 0;
}

const inStep = (block) => block.kind === "cell" || block.kind === "value";
export const rowCount = Math.max(0, ...blocks.filter(inStep).map((block) => block.row + 1));

/** What is known of each box over all steps. */
export const traits = blocks.map(() => ({
  learned: false,
  backward: false,
  feedsCell: false,
  row: null,
  sideRow: null,
  atEnd: false,
}));
for (let i = 0; i < count; i++) {
  const { block, part } = kind(i);
  if (block === null || !shown[i]) continue;
  const mine = traits[block];
  if (part === "backward") {
    mine.backward = true;
    continue;
  }
  if (learned[i]) mine.learned = true;
  if (column[i] === END)
    for (const x of operands(i)) if (column[x] === SIDE && kind(x).block !== null) traits[kind(x).block].atEnd = true;
  if (!isStep(column[i])) continue;
  for (const x of operands(i)) {
    const other = kind(x).block;
    if (other === null || other === block) continue;
    if (blocks[block].kind === "cell") traits[other].feedsCell = true;
    if (column[x] === SIDE) traits[other].sideRow = Math.min(traits[other].sideRow ?? Infinity, blocks[block].row);
  }
}
/** Data that is only compared with, such as targets, stands beside the box that reads it. */
export const isSatellite = (b) =>
  blocks[b].kind === "value" && !traits[b].learned && !traits[b].feedsCell && blocks[b].row > 0;
traits.forEach((mine, b) => (mine.row = inStep(blocks[b]) ? blocks[b].row : (mine.sideRow ?? 0)));
blocks.forEach((_, b) => {
  if (isSatellite(b)) traits[b].row = satelliteRow(b);
});

function satelliteRow(b) {
  for (let c = FIRST; c < stepCount + FIRST; c++) {
    for (const i of box(c, b, "forward") ?? []) {
      const user = users(i).find(
        (u) => column[u] === c && kind(u).part === "forward" && ![b, null].includes(kind(u).block),
      );
      if (user !== undefined) return blocks[kind(user).block].row;
    }
  }
  return blocks[b].row;
}

/** A step before the first, in which nothing is computed but where states begin. */
const isStart = (c) =>
  nodesIn(c).every(
    (i) =>
      kind(i).part === "backward" ||
      operands(i).every((x) => (!isStep(column[x]) || column[x] === c) && !learned[x] && kind(x).class !== "input"),
  );
export const starts = new Set();
for (let c = FIRST; c < stepCount + FIRST; c++) if (isStart(c)) starts.add(c);

/** The boxes at the side, and at the end, that are drawn when steps are closed. */
const atSide = blocks.flatMap((block, b) => (block.kind === "side" && !onlyFeedsSatellite(b) ? [b] : []));
export const atEnd = blocks.flatMap((block, b) => (block.kind === "end" && traits[b].learned ? [b] : []));
export const endBoxes = (part) => atEnd.filter((b) => box(END, b, part));
/** From one of them to the next. */
const AT_END = 42;
/** Whether the loss at the end reads the steps: then a rail leads there. */
const toEnd = atEnd.length > 0;

export const pillsOf = (row, part) =>
  atSide.filter((b) => !isAtEnd(b) && traits[b].row === row && box(SIDE, b, part));

/** What the steps do not read, but the loss at the end, stands beside that. */
const isAtEnd = (b) => toEnd && traits[b].atEnd && traits[b].sideRow === null;
export const pillsAtEnd = (part) => atSide.filter((b) => isAtEnd(b) && box(SIDE, b, part));


function rows() {
  const high = (row) => {
    const pills = Math.max(pillsOf(row, "forward").length, pillsOf(row, "backward").length);
    const cell = blocks.some((block) => block.kind === "cell" && block.row === row);
    const least = state.rolled && cell ? 48 + 27 * Math.max(1, equationCount()) : cell ? 80 : 34;
    return Math.max(least, pills * PILL);
  };
  let y = HEAD + (toEnd ? RAIL : 0);
  const middle = { forward: [], backward: [] };
  const heights = [];
  for (let row = rowCount - 1; row >= 0; row--) {
    heights[row] = high(row);
    middle.forward[row] = y + heights[row] / 2;
    y += heights[row] + BETWEEN;
  }
  let divider = null;
  const reads = y + 4;
  if (!state.rolled) y += BELOW;
  if (hasBackward) {
    divider = y + 4;
    y += 26;
    for (let row = 0; row < rowCount; row++) {
      if (!blocks.some((block, b) => inStep(block) && traits[b].row === row && traits[b].backward)) continue;
      middle.backward[row] = y + heights[row] / 2;
      y += heights[row] + BETWEEN;
    }
    if (toEnd) y += RAIL - BETWEEN;
  }
  return { middle, heights, divider, reads, height: y + 8 };
}

export const equationCount = () => (data.equations?.match(/<mtr/g) ?? []).length;

/** All places for the picture that is asked for. */
export function places() {
  const tall = !state.rolled && state.open.size > 0;
  const shownSteps = state.rolled ? [model()] : Array.from({ length: stepCount }, (_, s) => s + FIRST);
  const isOpen = (c) => (!isStep(c) ? tall : state.open.has(c) && !state.rolled);
  const left = new Map();
  const side = 24 + (tall ? sheet.side : Math.max(120, ...atSide.map((b) => pillWidth(b))));
  let x = side + (tall ? 74 : 60);
  const width = (c) => (state.rolled ? ROLLED : isOpen(c) ? sheet.width : starts.has(c) ? NARROW : CLOSED.width);
  const gap = (a, b) => (isOpen(a) || isOpen(b) ? Math.max(sheet.gaps[0], 64) : CLOSED.gap);
  shownSteps.forEach((c, k) => {
    if (k > 0) x += gap(shownSteps[k - 1], c);
    left.set(c, x);
    x += width(c);
  });
  x += state.rolled ? 150 : tall ? Math.max(sheet.gaps[1], 64) : toEnd ? (endBoxes("forward").length > 1 ? 88 : 40) : 0;
  left.set(END, x);
  left.set(SIDE, side);
  const low = rows();
  const endWidth = tall ? 200 : toEnd ? Math.max(104, ...pillsAtEnd("forward").map(pillWidth)) + 12 : 0;
  const p = {
    tall,
    steps: shownSteps,
    side,
    left: (c) => left.get(c),
    width,
    isOpen,
    right: x + endWidth,
    /** What is said of the steps stands above them. */
    top: state.rolled ? 0 : -ABOVE,
    height: tall ? sheet.height : low.height,
    /** The height of what the steps read. */
    reads: tall ? lowest() + 34 : low.reads,
    divider: tall ? sheet.divider : low.divider,
    rows: low,
    railY: (part) => (part === "forward" ? HEAD + 14 : low.height - 8 - 24),
    frame: (i) => frame(p, i),
    box: (c, b, part) => boxFrame(p, c, b, part),
    port: (i, c, part) => port(p, i, c, part),
    pill: (b, part) => pill(p, b, part),
  };
  return p;
}

/** The lower edge of what is open in the forward part of a step. */
function lowest() {
  const frames = nodesIn(model())
    .filter((i) => kind(i).part === "forward" && looks[kind(i).look])
    .map((i) => looks[kind(i).look].frame);
  return Math.max(0, ...frames.map(([, y, , h]) => y + h));
}

/** The step that stands for all: one in the middle. */
export const model = () =>
  FIRST + Math.min(stepCount - 1, Math.floor(stepCount / 2) + (starts.size > 0 && stepCount === 2 ? 1 : 0));

/** Where a node of an open column stands. */
function frame(p, i) {
  const look = looks[kind(i).look];
  if (!look) return null;
  const [x, y, w, h] = look.frame;
  return { x: p.left(column[i]) + x, y, w, h };
}

/** Where the box of a closed step stands. */
function boxFrame(p, c, b, part) {
  // The first on the rail, the others towards the middle of the picture.
  if (c === END) return { x: p.left(END), y: p.railY(part) - 17 + (part === "forward" ? 1 : -1) * AT_END * endBoxes(part).indexOf(b), w: 92, h: 34 };
  const [left, width] = [p.left(c), p.width(c)];
  if (starts.has(c)) return startFrame(p, c, b, part);
  const w = state.rolled && blocks[b].kind === "cell" ? width : CLOSED.box;
  const x = left + (width - w) / 2;
  if (p.tall) return tallFrame(p, c, b, part, x, w);
  const middle = p.rows.middle[part][traits[b].row];
  if (middle === undefined) return null;
  if (isSatellite(b)) return { x: left + (width + CLOSED.box) / 2 + 8, y: middle - 11, w: 52, h: 22, satellite: true };
  const h = blocks[b].kind === "cell" ? p.rows.heights[traits[b].row] : 34;
  return { x, y: middle - h / 2, w, h };
}

function tallFrame(p, c, b, part, x, w) {
  if (blocks[b].kind === "cell") {
    const layers = sheet.bands.filter(([name]) => name === blocks[b].name);
    const band = layers[part === "forward" ? 0 : layers.length - 1];
    return band ? { x, y: band[1] + 6, w, h: band[2] - 12 } : null;
  }
  const nodes = box(c, b, part);
  const drawn = nodes && [face(nodes), ...nodes].find((i) => looks[kind(i).look]);
  if (drawn === undefined || drawn === null) return null;
  const [, y, , h] = looks[kind(drawn).look].frame;
  return isSatellite(b) ? null : { x, y: y + h / 2 - 16, w, h: 32 };
}

function startFrame(p, c, b, part) {
  const nodes = box(c, b, part);
  if (!nodes) return null;
  const ys = nodes.filter((i) => stateOf(i) !== null).map((i) => p.port(i, c, part));
  if (ys.length === 0 || ys.some((y) => y === null)) return null;
  return {
    x: p.left(c) + 2,
    y: Math.min(...ys) - 11,
    w: NARROW - 4,
    h: Math.max(...ys) - Math.min(...ys) + 22,
    start: true,
  };
}

/** Which state of its layer a node is, or whose adjoint it is: its place among them, or null. */
export function stateOf(i) {
  const { block, part } = kind(i);
  const lane = block === null ? null : lanes.get(blocks[block].name);
  if (!lane) return null;
  const s = column[i] - FIRST;
  const k = lane.states.findIndex(
    ({ nodes }) => nodes[s] !== undefined && (part === "forward" ? nodes[s] : adjoint(nodes[s])) === i,
  );
  return k < 0 ? null : k;
}

/** The height at which a state passes between closed steps. */
function port(p, i, c, part) {
  const { block } = kind(i);
  if (p.tall) {
    const look = looks[kind(i).look];
    return look ? look.frame[1] + look.frame[3] / 2 : null;
  }
  const middle = p.rows.middle[part][traits[block].row];
  const k = stateOf(i);
  if (k === null) return middle ?? null;
  const n = lanes.get(blocks[block].name).states.length;
  return middle - 6 + (k - (n - 1) / 2) * 26;
}

const pillWidth = (b) => blocks[b].name.length * 7.2 + 24;

/** Where a parameter, an input or a gradient stands at the side when all steps are closed. */
function pill(p, b, part) {
  if (isAtEnd(b)) {
    const below = part === "forward" ? 36 : -36;
    const y = p.railY(part) + below + Math.sign(below) * AT_END * Math.max(0, endBoxes(part).length - 1) + Math.sign(below) * PILL * pillsAtEnd(part).indexOf(b);
    return { x: p.left(END), y: y - 11, w: pillWidth(b) + (part === "backward" ? 6 : 0), h: 22 };
  }
  const row = traits[b].row;
  const middle = p.rows.middle[part][row];
  if (middle === undefined) return null;
  const list = pillsOf(row, part);
  const w = pillWidth(b) + (part === "backward" ? 6 : 0);
  return { x: p.side - w, y: middle + (list.indexOf(b) - (list.length - 1) / 2) * PILL - 11, w, h: 22 };
}

/** The rows that read something at the side. */
export const railRows = (part) =>
  Array.from({ length: rowCount }, (_, row) => row).filter((row) => pillsOf(row, part).length > 0);

/** What only a satellite reads. */
function onlyFeedsSatellite(b) {
  const row = traits[b].row;
  return !traits[b].learned && row > 0 && !traits[b].feedsCell;
}
