// Change and see: the numbers of the leaves can be dragged and typed, and all that is made of them follows.

import { FIRST, SIDE, attributes, column, count, data, isStep, kind, name, operands, users, value } from "./data.js";
import { $, el, svg } from "./dom.js";
import { canChange, gradientOf, lossNode, numbersOf, recompute, recomputed, reset } from "./live.js";
import { number } from "./numbers.js";
import { onPanel } from "./panels.js";
import { starts } from "./places.js";
import { state } from "./state.js";

/** The leaves that can be changed: parameters, data, and what states begin with. */
const leaves = [];
const isLeaf = (i) => operands(i).length === 0;
const beginsState = (i) => Array.from(users(i)).some((u) => isStep(column[u]) && starts.has(column[u]));
if (canChange)
  for (let i = 0; i < count; i++)
    if (isLeaf(i) && kind(i).part === "forward" && (["parameter", "input"].includes(kind(i).op) || beginsState(i))) leaves.push(i);

/** The states that begin with a constant. */
const begun = (i) => Array.from(users(i)).filter((u) => isStep(column[u]) && starts.has(column[u]));
const leafName = (i) => (kind(i).op === "constant" ? begun(i).map(name).join(", ") : name(i));
/** What the numbers of a leaf may be, in words. */
function range(i) {
  const [whole, units] = [isWhole(i), begun(i)[0] === undefined ? 1 : (kind(begun(i)[0]).shape.at(-1) ?? 1)];
  if (kind(i).op === "constant" && numbersOf(i).length < units) return ` one number for all ${units} units`;
  if (!whole || name(i) !== "y") return ` ${kind(i).type}`;
  const none = Number(whole[1]) - 1;
  return ` ${kind(i).type.split(" of ")[0]}: ${none > 2 ? `0 to ${none - 1}` : Array.from({ length: none }, (_, k) => k).join(", ")}, or ${none} = no target`;
}
const isWhole = (i) => / of 0\.\.(\d+)/.exec(kind(i).type);

/** Follows an array back to the parameter that it was cut from. */
const parameterOf = (i) => {
  while (kind(i).op !== "parameter" && operands(i).length === 1) i = operands(i)[0];
  return kind(i).op === "parameter" ? i : null;
};

/** Parameters that multiply what comes from another step. */
const recurrent = new Set();
if (canChange)
  for (let i = 0; i < count; i++) {
    if (kind(i).part !== "forward" || kind(i).op !== "matmul" || !isStep(column[i])) continue;
    const [a, b] = operands(i);
    for (const [w, x] of [[a, b], [b, a]])
      if (column[w] === SIDE && isStep(column[x]) && column[x] !== column[i] && parameterOf(w) !== null) recurrent.add(parameterOf(w));
  }

/** Places of the biases of forget gates: pieces of parameters, by their names. */
const forgetBiases = [];
if (canChange)
  for (let i = 0; i < count; i++) {
    if (column[i] !== SIDE || kind(i).part !== "forward" || kind(i).shape.length !== 1) continue;
    if (!/(^|[./])b(_[a-z]?f|f)$/.test(name(i))) continue;
    if (kind(i).op === "parameter") forgetBiases.push([i, 0, kind(i).shape[0]]);
    else if (kind(i).op === "slice") forgetBiases.push([operands(i)[0], ...attributes(i).match(/(\d+)\.\.(\d+)/).slice(1).map(Number)]);
  }

const realInputs = leaves.filter((i) => kind(i).op === "input" && !isWhole(i));
const scaling = (nodes, by) => () => nodes.forEach((i) => numbersOf(i).forEach((x, k, all) => (all[k] = x * by)));
const shifting = (by) => () => forgetBiases.slice(0, 1).forEach(([i, from, to]) => numbersOf(i).subarray(from, to).forEach((x, k, all) => (all[k] = x + by)));

/** What teaches: a name, what to look for, and what it does. */
const PRESETS = [
  ["W_h × ½", "the gradient fades faster", recurrent.size > 0 && scaling([...recurrent], 0.5)],
  ["W_h × 2", "beyond the edge of chaos it may grow, or the units saturate", recurrent.size > 0 && scaling([...recurrent], 2)],
  ["forget bias + 1", "the gate opens: c keeps more, and the gradient with it", forgetBiases.length > 0 && shifting(1)],
  ["forget bias − 1", "the gate closes: the past is forgotten", forgetBiases.length > 0 && shifting(-1)],
  ["inputs × 5", "units saturate: their slopes are nearly 0", realInputs.length > 0 && scaling(realInputs, 5)],
  ["silence", "nothing enters: where the state comes to rest, each step multiplies the gradient by nearly the same matrix", realInputs.length > 0 && scaling(realInputs, 0)],
].filter(([, , act]) => act);

/** The targets by step, if each step has a loss of its own and no layer reads backwards: then the first steps are a shorter net. */
const { losses: stepLosses, layers: stepLayers } = data.reach;
const targets =
  stepLosses.length > 1 && stepLayers.every(({ reverse }) => !reverse)
    ? (leaves.find((i) => isWhole(i) && kind(i).op === "input" && kind(i).shape[0] === stepLosses.length && name(i) === "y") ?? null)
    : null;
/** What later steps were to say. */
const targetsBefore = new Map();

/** Of how many steps the net is: the targets of later ones are the class that means "ignore", and the loss is the mean over the
 *  others. */
function setSteps(wanted) {
  const steps = Math.max(1, Math.min(stepLosses.length, Math.round(wanted)));
  const ignore = Number(isWhole(targets)[1]) - 1;
  const all = numbersOf(targets);
  const each = all.length / stepLosses.length;
  all.forEach((_, k) => {
    const beyond = k >= steps * each;
    if (beyond && !targetsBefore.has(k)) targetsBefore.set(k, all[k]);
    if (beyond) all[k] = ignore;
    else if (targetsBefore.has(k)) {
      all[k] = targetsBefore.get(k);
      targetsBefore.delete(k);
    }
  });
  state.lastColumn = steps < stepLosses.length ? column[stepLosses[steps - 1]] : Infinity;
  for (const id of ["steps-drag", "steps-typed"]) if ($(id) !== document.activeElement) $(id).value = steps;
  followSoon();
}

/** The number of steps, to drag and to type. */
function stepsEditor() {
  const now = stepLosses.length - targetsBefore.size / (numbersOf(targets).length / stepLosses.length);
  const field = (type, id) =>
    el("input", { type, id, min: 1, max: stepLosses.length, step: 1, value: now, "aria-label": "number of steps", class: type === "number" ? "typed" : null, oninput: (e) => setSteps(Number(e.target.value) || 1), onkeydown: (e) => e.stopPropagation() });
  return el("div", { class: "descent", title: "losses of later steps do not count: the net is as long as this" }, "steps T ", field("range", "steps-drag"), field("number", "steps-typed"));
}

const DESCENT = { rate: 0.1, clip: 0 };
const descent = { ...DESCENT };
let lossesSoFar = [];
const opened = new Set();

const lossNow = () => numbersOf(lossNode())[0];

/** The parameters that have a gradient, and the norm of all of these together. */
const trained = () => leaves.filter((i) => kind(i).op === "parameter" && gradientOf(i));
const gradientNorm = () => Math.hypot(...trained().map((i) => Math.hypot(...gradientOf(i))));
const isClipped = () => descent.clip > 0 && gradientNorm() > descent.clip;

/** One step of stochastic gradient descent: the weights move by −lr·∂L/∂W, clipped to a norm if there is a bound. */
export function descend(times = 1) {
  for (let n = 0; n < times; n++) {
    const moved = trained();
    const factor = isClipped() ? descent.clip / gradientNorm() : 1;
    const steps = moved.map((i) => gradientOf(i).map((g) => -descent.rate * factor * g));
    moved.forEach((i, k) => numbersOf(i).forEach((x, j, all) => (all[j] = x + steps[k][j])));
    if (n + 1 < times) recompute();
    else follow();
  }
}

let waitingToFollow = false;
/** Everything follows, once in a frame. */
function followSoon() {
  if (waitingToFollow) return;
  waitingToFollow = true;
  requestAnimationFrame(() => {
    waitingToFollow = false;
    follow();
  });
}

function follow() {
  recompute();
  lossesSoFar.push(lossNow());
  if (lossesSoFar.length > 300) lossesSoFar = lossesSoFar.slice(-300);
  tellChange();
}

/** The losses since the page was opened. */
function lossHistory() {
  const picture = svg("svg", { class: "losses", viewBox: "0 0 330 44", role: "img", "aria-label": "losses so far" });
  const finite = lossesSoFar.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const x = (k) => 4 + (k / Math.max(1, lossesSoFar.length - 1)) * 322;
  const y = (v) => 4 + ((high - v) / Math.max(1e-12, high - low)) * 36;
  const points = lossesSoFar.map((v, k) => (Number.isFinite(v) ? `${x(k)},${y(v)}` : "")).filter(Boolean);
  picture.append(svg("polyline", { points: points.join(" ") }));
  return picture;
}

function tellChange() {
  const first = lossesSoFar[0];
  $("loss-now").textContent = number(lossNow());
  $("loss-was").textContent = lossesSoFar.length > 1 ? ` (was ${number(lossesSoFar.at(-2))}, first ${number(first)})` : "";
  tellNorm();
  $("loss-history").replaceChildren(lossHistory());
  for (const e of $("change-panel").querySelectorAll("[data-cell]")) {
    const [i, k] = e.dataset.cell.split(" ").map(Number);
    if (e !== document.activeElement || e.tagName !== "INPUT") showCell(e, i, k);
  }
}

/** The norm of the gradient, before and after it is clipped. */
function tellNorm() {
  $("norm-now").textContent = number(gradientNorm());
  $("norm-clipped").textContent = isClipped() ? `, clipped to ${number(descent.clip)}` : descent.clip > 0 ? ", not clipped" : "";
}

function showCell(e, i, k) {
  const x = numbersOf(i)[k];
  e.textContent = isWhole(i) ? String(x) : x.toFixed(Math.abs(x) < 10 ? 2 : 1).replace("-", "−");
  e.setAttribute("aria-valuenow", x);
  e.style.setProperty("--share", Math.min(1, Math.abs(x) / 2));
  e.classList.toggle("below", x < 0);
}

/** A number to drag, to type over, and to move with the arrow keys. */
function numberCell(i, k) {
  const whole = isWhole(i);
  const set = (x) => {
    numbersOf(i)[k] = whole ? Math.max(0, Math.min(Number(whole[1]) - 1, Math.round(x))) : x;
    showCell(e, i, k);
    followSoon();
  };
  let held = null;
  const e = el("span", {
    class: "cell",
    role: "spinbutton",
    tabindex: 0,
    "data-cell": `${i} ${k}`,
    "aria-label": `${leafName(i)}[${k}]`,
    title: `${leafName(i)}[${k}]: drag, or type a number`,
    onpointerdown: (event) => {
      e.setPointerCapture(event.pointerId);
      held = { x: event.clientX, from: numbersOf(i)[k] };
    },
    onpointermove: (event) => held && event.clientX !== held.x && set(held.from + (event.clientX - held.x) * (whole ? 0.05 : 0.02)),
    onpointerup: () => (held = null),
    ondblclick: () => type(""),
    onkeydown: (event) => {
      const by = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1 }[event.key];
      if (by) set(numbersOf(i)[k] + by * (whole ? 1 : event.shiftKey ? 1 : 0.1));
      else if (/^[-−.\d]$/.test(event.key)) type(event.key);
      else if (event.key === "Enter") type("");
      else return;
      event.preventDefault();
      event.stopPropagation();
    },
  });
  /** A field in its place, until Enter or another place is chosen. */
  const type = (begin) => {
    const field = el("input", { type: "text", class: "typed", value: begin, "aria-label": `${leafName(i)}[${k}]` });
    let over = false;
    const end = (take) => {
      if (over) return;
      over = true;
      const x = Number(field.value.replace("−", "-"));
      field.replaceWith(e);
      if (take && field.value.trim() !== "" && Number.isFinite(x)) set(x);
      e.focus();
    };
    field.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter") end(true);
      else if (event.key === "Escape") end(false);
    });
    field.addEventListener("blur", () => end(true));
    e.replaceWith(field);
    field.focus();
    field.setSelectionRange(begin.length, begin.length);
  };
  showCell(e, i, k);
  return e;
}

const MOST_CELLS = 96;

/** The rows of a packed parameter belong to gates: the names of what is cut from it. */
function rowNames(i) {
  const names = [];
  for (const u of users(i)) {
    if (kind(u).op !== "slice" || column[u] !== SIDE || kind(u).part !== "forward") continue;
    const [from, to] = attributes(u).match(/(\d+)\.\.(\d+)/).slice(1).map(Number);
    for (let r = from; r < to; r++) names[r] = name(u).split("/").at(-1);
  }
  return names;
}

function leafEditor(i) {
  const shape = kind(i).shape;
  const columns = shape.at(-1) ?? 1;
  const all = numbersOf(i);
  const perStep = shape.length > 1 && kind(i).op === "input" && shape[0] === data.steps.length - starts.size;
  const names = rowNames(i);
  const body = el("div", { class: "cells", style: `grid-template-columns:auto repeat(${columns}, minmax(30px, 1fr))` });
  const fill = () => {
    for (let k = 0; k < Math.min(all.length, MOST_CELLS); k++) {
      if (k % columns === 0) {
        const row = k / columns;
        body.append(el("span", { class: "row-name" }, perStep ? `t=${row + 1}` : (names[row] ?? "")));
      }
      body.append(numberCell(i, k));
    }
    if (all.length > MOST_CELLS) body.append(el("span", { class: "row-name" }, `and ${all.length - MOST_CELLS} more`));
  };
  const gain = el("input", { type: "range", min: 0, max: 3, step: 0.01, value: 1, "aria-label": `${leafName(i)} times`, class: "gain" });
  const words = el("output", {}, "× 1");
  let base = null;
  gain.addEventListener("pointerdown", () => (base = null));
  gain.addEventListener("input", () => {
    base ??= { numbers: Float64Array.from(all), by: Number(gain.dataset.last ?? 1) };
    const by = Number(gain.value);
    words.textContent = `× ${by.toFixed(2)}`;
    base.numbers.forEach((x, k) => (all[k] = base.by > 0 ? (x / base.by) * by : x));
    if (by > 0) gain.dataset.last = by;
    followSoon();
  });
  const details = el(
    "details",
    {
      open: opened.has(i),
      ontoggle: () => {
        if (details.open) opened.add(i);
        else opened.delete(i);
        if (details.open && body.childElementCount === 0) fill();
      },
    },
    el("summary", {}, el("b", {}, leafName(i)), el("small", {}, range(i)), recurrent.has(i) ? el("small", {}, "  recurrent") : null),
    isWhole(i) ? null : el("label", { class: "gain-line" }, gain, words),
    body,
  );
  if (opened.has(i)) fill();
  return details;
}

/** As the page was given. */
function begin() {
  targetsBefore.clear();
  state.lastColumn = Infinity;
  Object.assign(descent, DESCENT);
  reset();
  lossesSoFar = [lossNow()];
  drawChange();
}

function drawChange() {
  const act = (change) => () => {
    change();
    follow();
  };
  const field = (words, key, hint) =>
    el("label", { title: hint }, `${words} `, el("input", { type: "number", min: 0, step: "any", value: descent[key], class: "typed", oninput: (e) => { descent[key] = Math.max(0, Number(e.target.value) || 0); tellNorm(); }, onkeydown: (e) => e.stopPropagation() }));
  $("change-panel").replaceChildren(
    el("h2", {}, "Change"),
    el("p", { class: "note" }, "Drag a number to the left or right, or type over it: values, adjoints, shares and paths follow."),
    el(
      "div",
      { class: "stays" },
      el("p", { class: "big" }, "loss ", el("b", { id: "loss-now" }), el("small", { id: "loss-was" })),
      el("p", { class: "note", title: "the norm of the gradient by all parameters together" }, "‖∂‖ ", el("b", { id: "norm-now" }), el("span", { id: "norm-clipped" })),
      el("div", { id: "loss-history" }),
    ),
    el(
      "div",
      { class: "descent" },
      el("button", { type: "button", id: "descend", class: "quiet", title: "each weight moves by −lr·∂L/∂W (s)", onclick: () => descend() }, "step"),
      el("button", { type: "button", class: "quiet", onclick: () => descend(10) }, "10 steps"),
      field("lr", "rate", "the learning rate"),
      field("clip", "clip", "the gradient's norm is scaled down to this; 0 for no bound"),
      el("button", { type: "button", id: "reset", class: "quiet", onclick: begin }, "reset"),
    ),
    ...(targets === null ? [] : [stepsEditor()]),
    el("h3", {}, "Try"),
    el("div", { class: "presets" }, ...PRESETS.map(([words, hint, change]) => el("button", { type: "button", class: "quiet", title: hint, onclick: act(change) }, words))),
    el("h3", {}, "Weights, data, beginnings"),
    ...leaves.filter((i) => numbersOf(i).length > 0).map(leafEditor),
  );
  tellChange();
}

export function startChange() {
  $("change-tab").hidden = !canChange || lossNode() === null;
  if (!canChange || lossNode() === null) return;
  lossesSoFar = [lossNow()];
  onPanel("change", (yes) => yes && drawChange());
}
