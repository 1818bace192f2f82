// The ways from a loss back to a state: which there are, and how a gradient shrinks or grows along them.

import { FIRST, column, count, data, isStep, kind, name, of, operands, stepNumber } from "./data.js";
import { $, el, svg } from "./dom.js";
import { number, power } from "./numbers.js";
import { heat } from "./strips.js";
import { reveal, showWay } from "./view.js";
import { change, onChange, state } from "./state.js";

const { losses, layers } = data.reach;
const chosen = { loss: losses.length - 1, layer: layers.length - 1, state: 0, step: null, way: 0 };

const lane = () => layers[chosen.layer];
const stateNow = () => lane().states[chosen.state];
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
    for (const x of operands(i)) if (column[x] === step + FIRST || !isStep(column[i])) if (kind(x).part === "forward") seen.add(x);
  }
  return [...found].sort();
}

/** The block of a step's Jacobian from one state to another, for each sequence, as rows. */
function block(step, to, from) {
  const { jacobians, sizes, batch } = lane();
  const all = jacobians[step];
  if (!all) return null;
  const width = sizes.reduce((a, b) => a + b, 0);
  const start = (k) => sizes.slice(0, k).reduce((a, b) => a + b, 0);
  return Array.from({ length: batch }, (_, b) =>
    Array.from({ length: sizes[to] }, (_, r) =>
      Array.from({ length: sizes[from] }, (_, c) => all[(b * width + start(to) + r) * width + start(from) + c])));
}

const times = (a, b) => a.map((row) => b[0].map((_, c) => row.reduce((sum, x, k) => sum + x * b[k][c], 0)));
const norm = (matrices) => Math.sqrt(matrices.flat(2).reduce((sum, x) => sum + x * x, 0));
const plus = (a, b) => a.map((m, k) => m.map((row, r) => row.map((x, c) => x + b[k][r][c])));
const identity = (n, batch) => Array.from({ length: batch }, () => Array.from({ length: n }, (_, r) => Array.from({ length: n }, (_, c) => (r === c ? 1 : 0))));

const MOST = 48;

/** Ways through the states, the strongest first; beyond some dozens only those that stay strong are followed. */
export function ways(steps, to) {
  const { sizes, batch, states } = lane();
  let open = [{ through: [chosen.state], product: identity(sizes[chosen.state], batch) }];
  let complete = true;
  for (const step of steps.slice(1)) {
    const next = [];
    for (const { through, product } of open) {
      for (let k = 0; k < states.length; k++) {
        const j = block(step, k, through.at(-1));
        if (!j) return null;
        const longer = j.map((m, b) => times(m, product[b]));
        if (norm(longer) > 0) next.push({ through: [...through, k], product: longer });
      }
    }
    next.sort((a, b) => norm(b.product) - norm(a.product));
    // The ways that never leave one state are always of interest.
    const pure = (w) => w.through.every((k) => k === w.through[0]);
    if (next.length > MOST) complete = false;
    open = next.filter((w, k) => k < MOST || pure(w));
  }
  const found = open.filter((w) => to.includes(w.through.at(-1))).map((w) => ({ ...w, norm: norm(w.product) }));
  return { found: found.sort((a, b) => b.norm - a.norm), complete };
}

/** ‖∂s_t/∂h_k‖ along all ways together, for every step k down to the first, computed step by step. */
function decay(to) {
  const { sizes, batch, states } = lane();
  const t = stepOfLoss();
  const all = stepsOf(states[0]).filter((s) => (lane().reverse ? s >= t : s <= t)).sort((a, b) => (lane().reverse ? a - b : b - a));
  let rows = states.map((_, k) => to.map((end) => (k === end ? identity(sizes[k], batch) : Array.from({ length: batch }, () => Array.from({ length: sizes[end] }, () => new Array(sizes[k]).fill(0))))));
  const curve = [];
  for (const step of all) {
    curve.push({ step, norm: Math.hypot(...rows[chosen.state].map(norm)) });
    if (!lane().jacobians[step]) break;
    rows = states.map((_, from) => to.map((_, e) => states.map((_, k) => {
      const j = block(step, k, from);
      return rows[k][e].map((m, b) => times(m, j[b]));
    }).reduce(plus)));
  }
  return curve;
}

/** How many ways there are from the loss to the state, op by op. */
function countOps(node) {
  const loss = losses[chosen.loss];
  const ways = new Map([[loss, 1]]);
  for (let i = loss; i > node; i--) {
    const mine = ways.get(i);
    if (!mine || kind(i).part !== "forward") continue;
    for (const x of operands(i)) if (x >= node) ways.set(x, (ways.get(x) ?? 0) + mine);
  }
  return ways.get(node) ?? 0;
}

/** The nodes on the ways from the state to the loss that go through the given states; and their mirror images. */
function nodesOn(steps, through) {
  const { states } = lane();
  const barred = new Set();
  steps.forEach((s, n) => states.forEach((one, k) => through && k !== through[n] && barred.add(one.nodes[s])));
  const [node, loss] = [states[chosen.state].nodes[steps[0]], losses[chosen.loss]];
  const reached = new Set([node]);
  for (let i = node + 1; i <= loss; i++) {
    if (kind(i).part === "forward" && !barred.has(i) && operands(i).some((x) => reached.has(x))) reached.add(i);
  }
  const kept = new Set(reached.has(loss) ? [loss] : []);
  for (let i = loss; i > node; i--) {
    if (kept.has(i)) for (const x of operands(i)) if (reached.has(x)) kept.add(x);
  }
  for (let i = 0; i < count; i++) if (of(i) !== null && kept.has(of(i))) kept.add(i);
  return kept;
}

const exact = () => stateNow().norms[chosen.loss]?.[chosen.step] ?? null;

function choice(label, id, options, now, set) {
  const select = el("select", { id, onchange: (e) => { set(Number(e.target.value)); draw(); } },
    ...options.map(([value, words]) => el("option", { value, selected: value === now }, words)));
  return el("label", {}, label, " ", select);
}

let active = false;

function draw() {
  const panel = $("paths-panel");
  if (losses.length === 0 || layers.length === 0) {
    panel.replaceChildren(el("h2", {}, "Paths"), el("p", { class: "note" }, "This graph has no loss and state between which a gradient flows."));
    return;
  }
  const steps = stepsOf(stateNow()).sort((a, b) => a - b);
  if (!steps.includes(chosen.step)) chosen.step = steps[Math.min(1, steps.length - 1)];
  const choices = el("div", { class: "choices" },
    choice("from loss", "path-loss", losses.map((i, k) => [k, name(i)]), chosen.loss, (k) => (chosen.loss = k)),
    choice("to state", "path-state", layers.flatMap((l, a) => l.states.map((s, k) => [a * 100 + k, layers.length > 1 ? `${l.name}/${s.name}` : s.name])), chosen.layer * 100 + chosen.state, (v) => { chosen.layer = Math.floor(v / 100); chosen.state = v % 100; chosen.way = 0; }),
    choice("at step", "path-step", steps.map((s) => [s, data.steps[s]]), chosen.step, (s) => { chosen.step = s; chosen.way = 0; }));
  const children = [el("h2", {}, "Paths"), el("p", { class: "note" }, "The ways on which a change of a state reaches a loss, and the gradient comes back."), choices];
  const along = span();
  const node = stateNow().nodes[chosen.step];
  const [loss, wanted] = [name(losses[chosen.loss]), name(node)];
  if (!along) {
    children.push(el("p", {}, `${loss} is computed before ${wanted}: no way leads there.`));
    showWay([]);
  } else {
    children.push(...result(along, node, loss, wanted));
    if (active) reveal(node);
  }
  if (stateNow().norms.length > 1) children.push(matrix(steps));
  panel.replaceChildren(...children);
}

function result(along, node, loss, wanted) {
  const to = ends(along.at(-1));
  const found = along.length > 1 ? ways(along, to) : { found: [], complete: true };
  const total = countOps(node);
  const children = exact() === null
    ? [el("p", { class: "note" }, `‖∂${loss}/∂${wanted}‖ is not computed for so many losses; the products of Jacobians are.`)]
    : [el("p", { class: "big" }, `‖∂${loss}/∂${wanted}‖ = `, el("b", { id: "path-norm", "data-exact": exact() }, number(exact())))];
  children.push(el("p", { class: "note" }, `${total >= 1e6 ? number(total) : total.toLocaleString("en")} ways op by op${lane().states.length > 1 ? ", grouped below by the states that they go through" : ", all through the same states"}.`));
  if (found === null) {
    children.push(el("p", { class: "note" }, "The Jacobians of its steps were not computed: the state is large, or reads several steps."));
    showWay(nodesOn(along, null));
    return children;
  }
  if (along.length > 1) {
    const shownWays = found.found.slice(0, 10);
    const top = shownWays[0]?.norm || 1;
    const row = (words, value, k, hint) => el("tr", { class: k === chosen.way ? "this" : "", tabindex: 0, onclick: () => { chosen.way = k; draw(); }, onkeydown: (e) => e.key === "Enter" && (chosen.way = k, draw()) },
      el("td", {}, words), el("td", { class: "bar" }, el("span", { style: `width:${Math.min(100, (value / top) * 100)}%` })), el("td", { class: "amount", title: hint }, number(value)));
    const curve = decay(to);
    const whole = curve.find((c) => c.step === chosen.step)?.norm ?? 0;
    const names = lane().states.map((s) => s.name);
    children.push(el("h3", {}, `Products of Jacobians, ${name(lane().states[to[0] ?? 0].nodes[along.at(-1)])} by ${wanted}`),
      el("table", { class: "ways" },
        row("all ways", whole, 0, "the norm of the whole product"),
        ...(lane().states.length > 1 ? shownWays.map((w, k) => row(describe(w.through, names), w.norm, k + 1, "the norm of the product along this way")) : [])));
    if (!found.complete) children.push(el("p", { class: "note" }, "Of very many ways the strongest are followed."));
    if (lane().states.length > 1) children.push(el("p", { class: "note" }, "Ways add up, and may cancel."));
    children.push(el("h3", {}, "How it fades"), curvePicture(curve));
    showWay(active ? nodesOn(along, chosen.way > 0 ? found.found[chosen.way - 1]?.through : null) : []);
  } else showWay(active ? nodesOn(along, null) : []);
  return children;
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

/** A curve of norms over steps on a logarithmic axis. */
function curvePicture(curve) {
  const [width, height] = [330, 110];
  const shown = curve.filter((c) => c.norm > 0);
  if (shown.length === 0) return el("p", { class: "note" }, "Nothing comes through.");
  const logs = shown.map((c) => Math.log10(c.norm));
  const [low, high] = [Math.floor(Math.min(...logs, -1)), Math.ceil(Math.max(...logs, 0))];
  const steps = curve.map((c) => c.step);
  const [first, last] = [Math.min(...steps), Math.max(...steps)];
  const x = (s) => 34 + ((s - first) / Math.max(1, last - first)) * (width - 44);
  const y = (log) => 8 + ((high - log) / Math.max(1, high - low)) * (height - 26);
  const picture = svg("svg", { class: "curve", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "norm over steps, logarithmic" });
  const every = Math.max(1, Math.ceil((high - low) / 4));
  for (let e = high; e >= low; e -= every) {
    picture.append(svg("line", { class: "axis", x1: 34, x2: width - 8, y1: y(e), y2: y(e) }), svg("text", { x: 30, y: y(e) + 3.5, class: "left" }, power(e)));
  }
  picture.append(svg("polyline", { points: shown.map((c, k) => `${x(c.step)},${y(logs[k])}`).join(" ") }));
  if (shown.length <= 80) shown.forEach((c, k) => picture.append(svg("circle", { cx: x(c.step), cy: y(logs[k]), r: c.step === chosen.step ? 4 : 2.2, class: c.step === chosen.step ? "this" : "" }, svg("title", {}, `step ${data.steps[c.step]}: ${number(c.norm)}`))));
  picture.append(svg("text", { x: x(first), y: height - 4 }, `k = ${data.steps[first]}`), svg("text", { x: x(last) - 8, y: height - 4 }, String(data.steps[last])));
  return picture;
}

/** All losses against all steps of the chosen state. */
function matrix(steps) {
  const { norms } = stateNow();
  const one = Math.min(24, 300 / Math.max(steps.length, norms.length));
  const logs = norms.flatMap((row) => Object.values(row)).filter((x) => x > 0).map(Math.log10);
  const [low, high] = [Math.max(Math.min(...logs), Math.max(...logs) - 12), Math.max(...logs)];
  const picture = svg("svg", { class: "matrix", viewBox: `0 0 ${one * steps.length + 30} ${one * norms.length + 22}`, role: "img", "aria-label": "norms of all losses by all steps" });
  norms.forEach((row, a) => steps.forEach((s, k) => {
    const x = row[s];
    const share = x > 0 ? 0.08 + 0.92 * Math.max(0, (Math.log10(x) - low) / Math.max(1e-9, high - low)) : 0;
    const here = a === chosen.loss && s === chosen.step;
    picture.append(svg("rect", {
      x: 26 + k * one, y: a * one, width: one - 0.6, height: one - 0.6, class: here ? "this" : "", style: x > 0 ? `fill:${heat(share)}` : "fill:transparent",
      onclick: () => { Object.assign(chosen, { loss: a, step: s, way: 0 }); draw(); },
    }, svg("title", {}, `‖∂${name(losses[a])}/∂${name(stateNow().nodes[s])}‖ = ${number(x ?? 0)}`)));
  }));
  const every = Math.ceil(steps.length / 10);
  steps.forEach((s, k) => k % every === 0 && picture.append(svg("text", { x: 26 + (k + 0.5) * one, y: one * norms.length + 13 }, String(data.steps[s]))));
  norms.forEach((_, a) => a % every === 0 && isStep(column[losses[a]]) && picture.append(svg("text", { x: 20, y: (a + 0.5) * one + 4, class: "left" }, String(stepNumber(column[losses[a]])))));
  return el("div", {}, el("h3", {}, "All losses by all steps"), picture, el("p", { class: "note" }, "Rows: the step of the loss; columns: the step of the state; colour: log ‖∂Lₜ/∂hₖ‖."));
}

/** Shows or leaves the panel of paths. */
export function showPaths(yes) {
  active = yes;
  $("paths-tab").setAttribute("aria-selected", yes);
  $("node-tab").setAttribute("aria-selected", !yes);
  $("paths-panel").hidden = !yes;
  $("node-panel").hidden = yes;
  if (yes) draw();
  else showWay([]);
}

export function startPaths() {
  $("paths-tab").addEventListener("click", () => showPaths(true));
  $("node-tab").addEventListener("click", () => showPaths(false));
  onChange((what) => {
    if (what.node !== undefined && what.node !== null && active) {
      // A click on a state or a loss is a choice here.
      const i = kind(what.node).part === "forward" ? what.node : of(what.node);
      const loss = losses.indexOf(i);
      if (loss >= 0) chosen.loss = loss;
      layers.forEach((l, a) => l.states.forEach((s, k) => stepsOf(s).forEach((step) => s.nodes[step] === i && Object.assign(chosen, { layer: a, state: k, step, way: 0 }))));
      draw();
    }
  });
}
