// The ways from a loss back to a state: which there are, and how a gradient shrinks or grows along them.

import { curvePicture, matrix } from "./charts.js";
import { FIRST, column, data, isStep, kind, name, of, operands } from "./data.js";
import { $, el } from "./dom.js";
import { owed, ways } from "./jacobians.js";
import { lanesFollow, recomputed } from "./live.js";
import { brief, many, ofLog } from "./numbers.js";
import { onPanel, showPanel, shownPanel } from "./panels.js";
import { countWays, nodesOn } from "./routes.js";
import { spectrumPart } from "./spectrum.js";
import { onChange } from "./state.js";
import { showWay } from "./light.js";
import { reveal } from "./view.js";

const { losses, layers } = data.reach;
/** The state that stands for all together. */
const JOINT = 99;
const chosen = { loss: losses.length - 1, layer: layers.length - 1, state: JOINT, step: null, way: 0 };

const lane = () => layers[chosen.layer];
/** The state whose node is shown: the first for all together. */
const stateNow = () => lane().states[chosen.state === JOINT ? 0 : chosen.state];
const jointly = () => chosen.state === JOINT && lane().states.length > 1;
/** How what is measured is called: `(h, c)[3]`. */
const measured = (step) => {
  const names = lane().states.map((s) => s.name);
  return `${chosen.state === JOINT ? (names.length > 1 ? `(${names.join(", ")})` : names[0]) : names[chosen.state]}[${data.steps[step]}]`;
};
/** log₁₀ ‖∂L/∂s[k]‖ from the loss's own step back, of all states together or of one. */
export const rowOf = (loss) =>
  owed(lane(), loss)?.map(({ step, log, parts }) => ({ step, log: chosen.state === JOINT ? log : parts[chosen.state] })) ?? null;
/** The states that the ways begin at. */
const beginnings = () => (chosen.state === JOINT ? lane().states.map((_, k) => k) : [chosen.state]);
const stepsOf = (s) => Object.keys(s.nodes).map(Number);
const stepOfLoss = () => {
  const c = column[losses[chosen.loss]];
  const steps = stepsOf(lane().states[0]);
  return isStep(c) ? c - FIRST : lane().reverse ? Math.min(...steps) : Math.max(...steps);
};

/** The steps from the state to the loss, in the order of computation. */
function span() {
  const [from, to] = [chosen.step, stepOfLoss()];
  const forward = !lane().reverse;
  if (forward ? from > to : from < to) return null;
  return Array.from({ length: Math.abs(to - from) + 1 }, (_, k) => (forward ? from + k : from - k));
}

/** The states at the step of the loss that it is made of, within that step. */
function ends(step) {
  const wanted = new Map(lane().states.map((s, k) => [s.nodes[step], k]));
  const found = new Set();
  const seen = new Set([losses[chosen.loss]]);
  for (const i of seen) {
    if (wanted.has(i)) {
      found.add(wanted.get(i));
      continue;
    }
    for (const x of operands(i))
      if (column[x] === step + FIRST || !isStep(column[i])) if (kind(x).part === "forward") seen.add(x);
  }
  return [...found].sort();
}

/** Marks the chosen way in the picture. */
function showOn(along, through) {
  const from = through ? [through[0]] : beginnings();
  const on = (k) => [...nodesOn(lane(), losses[chosen.loss], lane().states[k].nodes[along[0]], along, through)];
  showWay(active ? new Set(from.flatMap(on)) : []);
}

const note = (text) => el("p", { class: "note" }, text);

/** What another view of the same pair needs. */
export const chosenLane = () => lane();
export function chosenPair() {
  settle();
  return { loss: chosen.loss, step: chosen.step };
}
export const measuredName = (step) => measured(step);
/** What is told when the matrix is asked for in the large. */
export const larger = [];

/** The nodes on all ways from a state to a loss, and their mirror images. */
export function pairNodes(loss, step) {
  const before = { ...chosen };
  Object.assign(chosen, { loss, step });
  const along = span();
  const nodes = along
    ? beginnings().flatMap((k) => [...nodesOn(lane(), losses[loss], lane().states[k].nodes[along[0]], along, null)])
    : [];
  Object.assign(chosen, before);
  return new Set(nodes);
}

export function pickPair(loss, step) {
  pick({ loss, step });
  if (shownPanel() !== null) showPanel("paths");
}

/** What is told the chosen loss, state and step, by their names. */
export const picked = [];

/** Another choice. */
function pick(what) {
  Object.assign(chosen, { way: 0 }, what);
  draw();
  const { loss, state, step } = chosen;
  picked.forEach((tell) => tell({ loss: name(losses[loss]), lane: lane().name, state: state === JOINT ? null : lane().states[state].name, step: data.steps[step] }));
}

/** The choice of another net, as far as this one has what is chosen there. */
export function pickNamed(what) {
  const loss = losses.findIndex((i) => name(i) === what.loss);
  const layer = layers.findIndex((l) => l.name === what.lane);
  const state = what.state === null ? JOINT : layers[layer]?.states.findIndex((s) => s.name === what.state);
  const step = data.steps.indexOf(what.step);
  if (loss >= 0 && layer >= 0 && state >= 0 && step >= 0) pick({ loss, layer, state, step });
}

/** All states that can be chosen: their value, name, and whether it is chosen. */
export const stateChoices = () =>
  layers.flatMap((l, a) => {
    const of = layers.length > 1 ? `${l.name}/` : "";
    const each = l.states.map((s, k) => [a * 100 + k, `${of}${s.name}`]);
    const all = each.length === 1 ? [[a * 100 + JOINT, each[0][1]]] : [[a * 100 + JOINT, `${of}(${l.states.map((s) => s.name).join(", ")}) together`], ...each];
    return all.map(([value, words]) => [value, words, value === chosen.layer * 100 + chosen.state]);
  });

export function pickState(value) {
  Object.assign(chosen, { layer: Math.floor(value / 100), state: value % 100 });
  if (settle() && !span()) findWay();
  pick({});
}

const exact = () => rowOf(chosen.loss)?.find((c) => c.step === chosen.step)?.log ?? null;

function choice(label, id, options, now, set) {
  const select = el(
    "select",
    {
      id,
      onchange: (e) => set(Number(e.target.value)),
    },
    ...options.map(([value, words]) => el("option", { value, selected: value === now }, words)),
  );
  return el("label", {}, label, " ", select);
}

let active = false;

/** The steps of the chosen state, of which one is chosen. */
function settle() {
  const steps = stepsOf(stateNow()).sort((a, b) => a - b);
  if (!steps.includes(chosen.step)) findWay(steps);
  return steps;
}

/** The longest way that there is: from the loss that is computed last in the direction of the layer to the step after the
 *  beginning. A layer that reads backwards begins at the end. */
function findWay(steps = stepsOf(stateNow()).sort((a, b) => a - b)) {
  const own = lane().lossSteps;
  const last = losses.map((_, k) => k).sort((a, b) => (lane().reverse ? own[a] - own[b] : own[b] - own[a]))[0] ?? 0;
  const second = lane().reverse ? steps.at(-2) : steps[1];
  Object.assign(chosen, { loss: last, step: second ?? steps[0] });
}

function draw() {
  const panel = $("paths-panel");
  if (losses.length === 0 || layers.length === 0) {
    panel.replaceChildren(
      el("h2", {}, "Paths"),
      note("This graph has no loss and state between which a gradient flows."),
    );
    return;
  }
  const steps = settle();
  const choices = el(
    "div",
    { class: "choices" },
    choice(
      "from loss",
      "path-loss",
      losses.map((i, k) => [k, name(i)]),
      chosen.loss,
      (loss) => pick({ loss }),
    ),
    choice(
      "to state",
      "path-state",
      stateChoices(),
      chosen.layer * 100 + chosen.state,
      pickState,
    ),
    choice(
      "at step",
      "path-step",
      steps.map((s) => [s, data.steps[s]]),
      chosen.step,
      (step) => pick({ step }),
    ),
  );
  const children = [
    el("h2", {}, "Paths"),
    note("The ways on which a change of a state reaches a loss, and the gradient comes back."),
    choices,
  ];
  const along = span();
  const node = stateNow().nodes[chosen.step];
  const [loss, wanted] = [name(losses[chosen.loss]), name(node)];
  if (!along) {
    children.push(el("p", {}, `${loss} is computed before ${wanted}: no way leads there.`));
    showWay([]);
  } else {
    children.push(...result(along, loss, wanted));
    if (active) reveal(node);
  }
  const rows = losses.length > 1 ? losses.map((_, l) => rowOf(l)) : [];
  if (rows.some(Boolean)) {
    children.push(
      el("h3", {}, "All losses by all steps"),
      matrix(rows, losses, steps, chosen, (loss, step) => pick({ loss, step })),
      note(`Rows: t, the step of the loss; columns: k, the step of the state; colour: ‖∂L[t]/∂${measured(0).replace(/\[.*/, "[k]")}‖, grey where it is exactly 0.`),
      el("button", { type: "button", class: "more", id: "enlarge", onclick: () => larger.forEach((show) => show()) }, "larger, beside the equations (m)"),
    );
  }
  panel.replaceChildren(...children);
}

function result(along, loss, wanted) {
  const to = ends(along.at(-1));
  const from = beginnings();
  const found = along.length > 1 ? ways(lane(), from, along, to) : { found: [], complete: true };
  // The states of a step are held apart: no way begins at one and goes through another.
  const ports = lane().states.map((s) => s.nodes[along[0]]);
  const total = from.reduce((sum, k) => sum + countWays(losses[chosen.loss], ports[k], ports), 0);
  const row = rowOf(chosen.loss);
  const children =
    exact() === null
      ? [note(`‖∂${loss}/∂${measured(chosen.step)}‖ is not known here: the state is large, of several sequences, or read in other ways than by the next step and the loss. rnn bptt computes it.`)]
      : [
          el(
            "p",
            { class: "big" },
            `‖∂${loss}/∂${measured(chosen.step)}‖ = `,
            el("b", { id: "path-norm", "data-exact": 10 ** exact(), "data-log": exact() }, ofLog(exact())),
          ),
          jointly() || chosen.state !== JOINT
            ? note("The states of a step are held apart, as ports: each is moved alone, though one was made of another. (∂ of a node, in the other panel, has all ways.)")
            : null,
        ];
  const ops = total >= 1e300 ? "More than 10³⁰⁰ ways" : total >= 1e6 ? `${ofLog(Math.log10(total))} ways` : many(total, "way");
  children.push(
    note(`${ops} op by op${lane().states.length > 1 ? ", grouped below by the states that they go through" : ", all through the same states"}.`),
  );
  if (found === null) {
    children.push(note("The Jacobians of its steps were not computed: the state is large, or reads several steps."));
    showOn(along, null);
    return children;
  }
  if (along.length > 1) {
    const shownWays = found.found.slice(0, 10);
    const top = shownWays[0]?.norm ?? 0;
    const line = (words, log, k, hint) =>
      el(
        "tr",
        {
          class: k === chosen.way ? "this" : "",
          tabindex: 0,
          onclick: () => {
            chosen.way = k;
            draw();
          },
          onkeydown: (e) => e.key === "Enter" && ((chosen.way = k), draw()),
        },
        el("td", {}, words),
        el("td", { class: "bar" }, log === null ? null : el("span", { style: `width:${Math.min(100, 10 ** (log - top) * 100)}%` })),
        el("td", { class: "amount", title: hint }, log === null ? "" : ofLog(log)),
      );
    const names = lane().states.map((s) => s.name);
    if (lane().states.length > 1)
      children.push(
        el("h3", {}, `Products of Jacobians, ${name(lane().states[to[0] ?? 0].nodes[along.at(-1)])} by ${jointly() ? measured(chosen.step) : wanted}`),
        el(
          "table",
          { class: "ways" },
          line("all ways", null, 0, ""),
          ...shownWays.map((w, k) => line(describe(w.through, names), w.norm, k + 1, "the norm of the product along this way")),
        ),
      );
    if (!found.complete) children.push(note("Of very many ways the strongest are followed."));
    if (lane().states.length > 1) children.push(note("Ways add up, and may cancel."));
    showOn(along, chosen.way > 0 ? found.found[chosen.way - 1]?.through : null);
  } else showOn(along, null);
  if (row && row.length > 1)
    children.push(
      el("h3", {}, `How ‖∂${loss}/∂${measured(0).replace(/\[.*/, "[k]")}‖ fades`),
      curvePicture(row, chosen.step),
      fading(row),
    );
  const joint = lane().states.map((s) => s.name);
  children.push(...spectrumPart(lane(), chosen.loss, chosen.step, joint.length > 1 ? `(${joint.join(", ")})` : joint[0]));
  return children.filter(Boolean);
}

/** By which factor the norm changes from step to step, going back: on the whole, and at its smallest and largest. */
function fading(row) {
  const logs = row.map(({ log }) => log);
  const [first, last] = [logs.findIndex(Number.isFinite), logs.findLastIndex(Number.isFinite)];
  // A step without a gradient has no factor, neither to it nor from it.
  const factors = logs.slice(1).flatMap((log, k) => (Number.isFinite(log) && Number.isFinite(logs[k]) ? 10 ** (log - logs[k]) : []));
  if (factors.length < 2) return null;
  const mean = 10 ** ((logs[last] - logs[first]) / (last - first));
  const p = note(`Each step back multiplies it by ${brief(mean)} on average (geometric mean), by ${brief(Math.min(...factors))} to ${brief(Math.max(...factors))} at single steps: `);
  p.id = "fading";
  p.append(`${factors.slice(0, 8).map(brief).join(", ")}${factors.length > 8 ? ", …" : "."}`);
  return p;
}

/** `c ×4 → h`: through which states. */
function describe(through, names) {
  const runs = [];
  for (const k of through) {
    if (runs.at(-1)?.k === k) runs.at(-1).n++;
    else runs.push({ k, n: 1 });
  }
  return runs.map(({ k, n }) => (n > 1 ? `${names[k]} ×${n}` : names[k])).join(" → ");
}

export function startPaths() {
  onPanel("paths", (yes) => {
    active = yes;
    if (!yes) return showWay([]);
    lanesFollow();
    return draw();
  });
  document.addEventListener("themechange", () => active && draw());
  // The ways are many: while a number is dragged they follow when there is time.
  let soonest = 0;
  recomputed.push(() => {
    if (!active) return;
    clearTimeout(soonest);
    soonest = setTimeout(() => {
      lanesFollow();
      draw();
    }, 40);
  });
  onChange((what) => {
    if (what.node !== undefined && what.node !== null && active) {
      // A click on a state or a loss is a choice here.
      const i = kind(what.node).part === "forward" ? what.node : of(what.node);
      const loss = losses.indexOf(i);
      const found = loss >= 0 ? { loss } : {};
      layers.forEach((l, layer) =>
        l.states.forEach((s, state) => stepsOf(s).forEach((step) => s.nodes[step] === i && Object.assign(found, { layer, state, step }))),
      );
      pick(found);
    }
  });
}
