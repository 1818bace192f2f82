// Three views of one gradient: the graph, the matrix ∂L[t]/∂s[k] in the large, and the equations. What the pointer is on in one
// is lit in the others.

import { VIRIDIS, colour, ticks } from "./charts.js";
import { FIRST, column, data, isStep, kind, name, of } from "./data.js";
import { $, el } from "./dom.js";
import { crossesSteps, equationList, hasEquations, markTerms, nodesOfTerm, placeOf, stepsOfLane, termsWith, wrapEquations, writeEquations } from "./equations.js";
import { recomputed } from "./live.js";
import { ofLog } from "./numbers.js";
import { chosenLane, chosenPair, larger, measuredName, pairNodes, pickPair, pickState, picked, rowOf, stateChoices } from "./paths.js";
import { onChange } from "./state.js";
import { seeWay } from "./light.js";
import { fit } from "./view.js";

const allLosses = data.reach.losses;

/** Where the window stands over the matrix: the first column and row that are seen, and how large a cell is. */
const over = { x: 0, y: 0, cell: 0 };
let matrixRows = new Map();
let matrixScale = null;
let hovered = null;
let shownTerms = null;
let large, told, termList;

const isLinked = () => document.body.classList.contains("linked");

/** The logarithms of a row, by column, computed when they are first seen. */
function matrixRow(t) {
  if (!matrixRows.has(t)) {
    const line = new Float64Array(laneSteps().length).fill(NaN);
    const place = new Map(laneSteps().map((s, k) => [s, k]));
    for (const { step, log } of rowOf(t) ?? []) if (place.has(step)) line[place.get(step)] = log;
    matrixRows.set(t, line);
  }
  return matrixRows.get(t);
}
const laneSteps = () => stepsOfLane(chosenLane()).sort((a, b) => a - b);

/** From the smallest to the largest that is not 0, over some of the matrixRows. */
function findScale() {
  let [low, top] = [Infinity, -Infinity];
  const every = Math.max(1, Math.ceil(allLosses.length / 100));
  for (let t = allLosses.length - 1; t >= 0; t -= every)
    for (const log of matrixRow(t))
      if (log > -Infinity) [low, top] = [Math.min(low, log), Math.max(top, log)];
  matrixScale = { low, top };
}

/** Beside the cells stand the numbers of their rows, above them those of their columns. */
const MARGIN = { left: 34, top: 30 };
const pane = () => ({ width: Math.max(1, large.clientWidth - MARGIN.left), height: Math.max(1, large.clientHeight - MARGIN.top) });

/** A matrix as large as the pane shows whole. */
function wholeMatrix() {
  const n = Math.max(laneSteps().length, allLosses.length);
  over.cell = Math.min(48, Math.min(pane().width, pane().height) / n);
  over.x = 0;
  over.y = 0;
}

function drawMatrix() {
  if (!isLinked()) return;
  const ratio = globalThis.devicePixelRatio || 1;
  if (large.clientWidth === 0 || large.clientHeight === 0) return;
  const { width, height } = pane();
  if (over.cell === 0) wholeMatrix();
  if (!matrixScale) findScale();
  large.width = large.clientWidth * ratio;
  large.height = large.clientHeight * ratio;
  const brush = large.getContext("2d");
  brush.scale(ratio, ratio);
  const style = getComputedStyle(document.documentElement);
  drawAxes(brush, style.getPropertyValue("--soft").trim());
  brush.translate(MARGIN.left, MARGIN.top);
  brush.beginPath();
  brush.rect(-1, -1, width + 2, height + 2);
  brush.clip();
  const { cell, x, y } = over;
  const steps = laneSteps().length;
  const share = (log) => (matrixScale.top > matrixScale.low ? (log - matrixScale.low) / (matrixScale.top - matrixScale.low) : 1);
  // Where a cell is smaller than a pixel, the largest of those that share it is shown.
  const group = Math.max(1, Math.ceil(1 / cell));
  const size = cell * group;
  const gap = size > 5 ? 0.6 : 0;
  const first = Math.max(0, Math.floor(y / group) * group);
  for (let t = first; t < allLosses.length && (t - y) * cell < height; t += group) {
    const line = matrixRow(t);
    for (let k = Math.max(0, Math.floor(x / group) * group); k < steps && (k - x) * cell < width; k += group) {
      let log = NaN;
      for (let j = k; j < Math.min(steps, k + group); j++) if (!(log >= line[j])) log = Number.isNaN(line[j]) ? log : line[j];
      if (Number.isNaN(log)) continue;
      brush.fillStyle = log === -Infinity ? "#b9bec6" : colour(share(log));
      // Small cells end at whole pixels: else their edges shine through as a grid.
      const whole = (at) => (gap > 0 ? at : Math.floor(at * ratio) / ratio);
      const [left, top] = [whole((k - x) * cell), whole((t - y) * cell)];
      const [right, bottom] = [whole((k - x) * cell + size), whole((t - y) * cell + size)];
      brush.fillRect(left, top, right - left - gap, bottom - top - gap);
    }
  }
  const mark = (t, k, ink, wide) => {
    const [from, to] = [laneSteps().indexOf(k), t];
    if (from < 0) return;
    brush.strokeStyle = ink;
    brush.lineWidth = wide;
    brush.strokeRect((from - x) * cell, (to - y) * cell, Math.max(3, cell - gap), Math.max(3, cell - gap));
  };
  const accent = style.getPropertyValue("--accent").trim();
  brush.fillStyle = "#e5007d44";
  if (shownTerms !== null) {
    // A term that brings the gradient from the next step has the cells beyond the diagonal; the others those on it.
    for (let t = Math.max(0, Math.floor(y)); t < allLosses.length && (t - y) * cell < height; t++) {
      const own = laneSteps().indexOf(chosenLane().lossSteps[t]);
      if (own < 0) continue;
      const [a, b] = shownTerms ? (chosenLane().reverse ? [own + 1, steps] : [0, own]) : [own, own + 1];
      brush.fillRect((a - x) * cell, (t - y) * cell, (b - a) * cell, cell);
    }
  }
  if (hovered?.line === "loss") brush.fillRect(0, (hovered.t - y) * cell, steps * cell, cell);
  if (hovered?.line === "state") brush.fillRect((laneSteps().indexOf(hovered.k) - x) * cell, -y * cell, cell, allLosses.length * cell);
  const chosen = chosenPair();
  mark(chosen.loss, chosen.step, "#e5007d", 2);
  if (hovered && hovered.line === undefined) mark(hovered.t, hovered.k, accent, 2.5);
  drawBar();
  tellPair(hovered && hovered.line === undefined ? hovered : { t: chosen.loss, k: chosen.step });
}

/** The numbers of the rows, t, and of the columns, k. */
function drawAxes(brush, ink) {
  const { width, height } = pane();
  const { cell, x, y } = over;
  brush.fillStyle = ink;
  brush.font = "11px system-ui, sans-serif";
  const middle = (k, from) => (k - from + 0.5) * cell;
  brush.textAlign = "center";
  const columns = laneSteps().map((s) => data.steps[s]);
  for (const k of ticks(columns, cell, 26)) if (middle(k, x) > 0 && middle(k, x) < width) brush.fillText(columns[k], MARGIN.left + middle(k, x), MARGIN.top - 4);
  brush.textAlign = "right";
  for (const t of ticks(lossSteps(), cell, 14)) if (middle(t, y) > 0 && middle(t, y) < height) brush.fillText(lossSteps()[t], MARGIN.left - 5, MARGIN.top + middle(t, y) + 4);
  brush.fillText("t ↓", MARGIN.left - 5, MARGIN.top - 4);
  brush.textAlign = "left";
  brush.fillText("k →", MARGIN.left, 11);
}
/** The steps of the losses; what has none is at the end. */
const lossSteps = () => allLosses.map((i) => (isStep(column[i]) ? data.steps[column[i] - FIRST] : "end"));

function tellPair({ t, k }) {
  const log = matrixRow(t)?.[laneSteps().indexOf(k)];
  const value = log === undefined || Number.isNaN(log) ? (allLosses.length ? "none: L is computed before" : "–") : ofLog(log);
  told.textContent = `‖∂${name(allLosses[t])}/∂${measuredName(k)}‖ = ${value}`;
}

function drawBar() {
  const bar = $("matrix-bar");
  const known = matrixScale.top > -Infinity;
  bar.hidden = !known;
  if (!known) return;
  bar.style.background = `linear-gradient(to right, ${VIRIDIS.map((_, i) => colour(i / (VIRIDIS.length - 1))).join(", ")})`;
  const [low, middle, top] = [matrixScale.low, (matrixScale.low + matrixScale.top) / 2, matrixScale.top].map(ofLog);
  $("matrix-marks").replaceChildren(el("span", {}, low), el("span", {}, middle), el("span", {}, top));
}

/** The cell under the pointer. */
function cellAt(e) {
  const k = laneSteps()[Math.floor(over.x + (e.offsetX - MARGIN.left) / over.cell)];
  const t = Math.floor(over.y + (e.offsetY - MARGIN.top) / over.cell);
  return k === undefined || t < 0 || t >= allLosses.length ? null : { t, k };
}

/** What is told which pair the pointer is on. */
export const pairs = [];

/** Lights a pair's paths in the graph, and its terms in the equations. */
export function lightPair(pair) {
  pairs.forEach((tell) => tell(pair));
  hovered = pair;
  shownTerms = null;
  if (pair) {
    const way = pairNodes(pair.t, pair.k);
    seeWay(way);
    const last = chosenLane().lossSteps[pair.t];
    const steps = [...new Set([pair.k, pair.k + Math.sign(last - pair.k), last])];
    const onWay = (target, _, reads) =>
      way.has(target) && reads.some((i) => i !== target && way.has(i) && (kind(i).part !== "forward" || kind(target).part === "forward"));
    markTerms(termList, termsWith(chosenLane(), steps, onWay));
  } else {
    seeWay(null);
    markTerms(termList, []);
  }
  drawMatrix();
}

function lightTerm(k, term) {
  hovered = null;
  shownTerms = k === null ? null : crossesSteps(k, term);
  markTerms(termList, k === null ? [] : [{ k, term }]);
  seeWay(k === null ? null : nodesOfTerm(k, term, chosenLane()));
  drawMatrix();
}

/** What the pointer is on in the graph: its terms, and its row or column of the matrix. */
function lightNode(nodes) {
  shownTerms = null;
  hovered = null;
  const i = nodes[0] ?? null;
  const place = i === null ? null : placeOf(i);
  if (place === null) markTerms(termList, []);
  else {
    const has = (target, mine) => (nodes.length > 1 ? nodes.every((n) => mine.includes(n)) : target === i || mine.includes(i));
    const steps = [...new Set(nodes.map((n) => column[n] - FIRST).filter((s) => s >= 0))];
    markTerms(termList, termsWith(place.lane, steps, has));
    const forward = kind(i).part === "forward" ? i : of(i);
    const t = allLosses.indexOf(forward);
    const s = column[forward] - FIRST;
    if (t >= 0) hovered = { line: "loss", t };
    else if (isStep(column[forward]) && chosenLane().states.some(({ nodes: all }) => all[s] === forward)) hovered = { line: "state", k: s };
  }
  drawMatrix();
}

function zoomMatrix(by, atX, atY) {
  const n = Math.max(laneSteps().length, allLosses.length);
  const least = Math.min(pane().width, pane().height) / n / 1.2;
  const cell = Math.min(80, Math.max(Math.min(least, 48), over.cell * by));
  over.x += atX / over.cell - atX / cell;
  over.y += atY / over.cell - atY / cell;
  over.cell = cell;
  keepInside();
}
function keepInside() {
  const inside = (at, n, length) => Math.max(0, Math.min(at, n - length / over.cell));
  over.x = inside(over.x, laneSteps().length, pane().width);
  over.y = inside(over.y, allLosses.length, pane().height);
  drawMatrix();
}

/** The pair that the keys are at: that under the pointer, or the chosen one. */
function pairNow() {
  if (hovered && hovered.line === undefined) return hovered;
  const { loss, step } = chosenPair();
  return { t: loss, k: step };
}

/** The window over the matrix follows a cell. */
function keepInView({ t, k }) {
  const within = (at, from, length) => Math.max(at + 1 - length / over.cell, Math.min(at, from));
  over.x = within(laneSteps().indexOf(k), over.x, pane().width);
  over.y = within(t, over.y, pane().height);
  keepInside();
}

/** Larger or smaller about the cell that the keys are at. */
function zoomAtPair(by) {
  const { t, k } = pairNow();
  keepInView({ t, k });
  zoomMatrix(by, (laneSteps().indexOf(k) + 0.5 - over.x) * over.cell, (t + 0.5 - over.y) * over.cell);
}

const MATRIX_KEYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** What changed makes all rows others. */
function forget() {
  matrixRows = new Map();
  matrixScale = null;
  if (!isLinked()) return;
  writeEquations(termList, chosenLane());
  wrapEquations(termList);
  drawMatrix();
}

function drawChoices() {
  $("matrix-state").replaceChildren(
    ...stateChoices().map(([value, words, selected]) => el("option", { value, selected }, words)),
  );
}

/** What is told whether the three views are shown. */
export const linkedTold = [];

export function showLinked(yes = !isLinked()) {
  if (allLosses.length === 0 || data.reach.layers.length === 0 || yes === isLinked()) return;
  document.body.classList.toggle("linked", yes);
  $("linked-button").setAttribute("aria-pressed", yes);
  $("linked").hidden = !yes;
  linkedTold.forEach((tell) => tell(yes));
  if (!yes) {
    seeWay(null);
    return;
  }
  drawChoices();
  over.cell = 0;
  forget();
  fit(true);
}

export function startLinked() {
  $("linked-button").hidden = allLosses.length === 0 || data.reach.layers.length === 0;
  if ($("linked-button").hidden) return;
  large = $("matrix-large");
  told = $("matrix-told");
  termList = equationList(lightTerm);
  $("linked-equations").replaceChildren(hasEquations ? termList : el("p", { class: "note" }, "The net was not made of equations."));
  if (hasEquations)
    $("linked-equations").append(el("p", { class: "note" }, "N", el("sub", {}, "y"), " is the number of targets that count: the loss is their mean, and each L[t] its share of it."));
  $("linked-button").addEventListener("click", () => showLinked());
  writeEquations(termList, chosenLane());
  larger.push(() => showLinked(true));
  // Another choice: of another state all rows are others.
  let measuredBefore = "";
  picked.push(({ lane, state }) => {
    if (`${lane} ${state}` === measuredBefore) return drawMatrix();
    measuredBefore = `${lane} ${state}`;
    drawChoices();
    return forget();
  });
  $("matrix-state").addEventListener("change", (e) => {
    pickState(Number(e.target.value));
  });
  let held = null;
  large.addEventListener("pointerdown", (e) => {
    large.setPointerCapture(e.pointerId);
    held = { x: e.offsetX, y: e.offsetY, at: { ...over }, far: false };
  });
  large.addEventListener("pointermove", (e) => {
    if (held) {
      const [dx, dy] = [e.offsetX - held.x, e.offsetY - held.y];
      held.far ||= Math.hypot(dx, dy) > 4;
      if (held.far) {
        [over.x, over.y] = [held.at.x - dx / over.cell, held.at.y - dy / over.cell];
        keepInside();
      }
      return;
    }
    const pair = cellAt(e);
    if (pair?.t !== hovered?.t || pair?.k !== hovered?.k) lightPair(pair);
  });
  large.addEventListener("pointerleave", () => lightPair(null));
  large.addEventListener("pointerup", (e) => {
    const far = held?.far;
    held = null;
    const pair = cellAt(e);
    if (!far && pair) pickPair(pair.t, pair.k);
  });
  large.addEventListener("wheel", (e) => {
    e.preventDefault();
    zoomMatrix(Math.exp(-e.deltaY / 250), e.offsetX - MARGIN.left, e.offsetY - MARGIN.top);
  }, { passive: false });
  large.addEventListener("dblclick", () => {
    wholeMatrix();
    drawMatrix();
  });
  large.addEventListener("keydown", (e) => {
    const by = MATRIX_KEYS[e.key];
    if (by) {
      const now = pairNow();
      const t = Math.max(0, Math.min(allLosses.length - 1, now.t + by[0]));
      const k = laneSteps()[Math.max(0, Math.min(laneSteps().length - 1, laneSteps().indexOf(now.k) + by[1]))];
      keepInView({ t, k });
      lightPair({ t, k });
    } else if (e.key === "+" || e.key === "=") zoomAtPair(1.4);
    else if (e.key === "-") zoomAtPair(1 / 1.4);
    else if (e.key === "Enter") pickPair(pairNow().t, pairNow().k);
    else return;
    e.preventDefault();
    e.stopPropagation();
  });
  $("window").addEventListener("pointerover", (e) => {
    if (!isLinked() || e.buttons) return;
    const node = e.target.closest?.("[data-node]");
    const edge = e.target.closest?.("[data-from]");
    lightNode(node ? [Number(node.dataset.node)] : edge ? [Number(edge.dataset.to), Number(edge.dataset.from)] : []);
  });
  onChange((what) => {
    if (what.node !== undefined && isLinked()) drawMatrix();
  });
  recomputed.push(() => isLinked() && forget());
  document.addEventListener("themechange", () => isLinked() && drawMatrix());
  new ResizeObserver(() => isLinked() && wrapEquations(termList)).observe($("linked-equations"));
  new ResizeObserver(() => isLinked() && ((over.cell = 0), drawMatrix())).observe(large);
}
