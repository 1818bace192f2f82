// The ways from a loss back to a state: which there are, and how a gradient shrinks or grows along them.

import { curvePicture, matrix } from "./charts.js";
import { FIRST, column, data, isStep, kind, name, of, operands } from "./data.js";
import { $, el } from "./dom.js";
import { decay, ways } from "./jacobians.js";
import { number } from "./numbers.js";
import { countWays, nodesOn } from "./routes.js";
import { onChange } from "./state.js";
import { reveal, showWay } from "./view.js";

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
    for (const x of operands(i))
      if (column[x] === step + FIRST || !isStep(column[i])) if (kind(x).part === "forward") seen.add(x);
  }
  return [...found].sort();
}

/** The steps from that of the loss back to the first. */
function backFrom(t) {
  const { reverse, states } = lane();
  const steps = stepsOf(states[0]).filter((s) => (reverse ? s >= t : s <= t));
  return steps.sort((a, b) => (reverse ? a - b : b - a));
}

/** Marks the chosen way in the picture. */
function showOn(along, through) {
  const node = stateNow().nodes[along[0]];
  showWay(active ? nodesOn(lane(), losses[chosen.loss], node, along, through) : []);
}

const note = (text) => el("p", { class: "note" }, text);

const exact = () => stateNow().norms[chosen.loss]?.[chosen.step] ?? null;

function choice(label, id, options, now, set) {
  const select = el(
    "select",
    {
      id,
      onchange: (e) => {
        set(Number(e.target.value));
        draw();
      },
    },
    ...options.map(([value, words]) => el("option", { value, selected: value === now }, words)),
  );
  return el("label", {}, label, " ", select);
}

let active = false;

function draw() {
  const panel = $("paths-panel");
  if (losses.length === 0 || layers.length === 0) {
    panel.replaceChildren(
      el("h2", {}, "Paths"),
      note("This graph has no loss and state between which a gradient flows."),
    );
    return;
  }
  const steps = stepsOf(stateNow()).sort((a, b) => a - b);
  if (!steps.includes(chosen.step)) chosen.step = steps[Math.min(1, steps.length - 1)];
  const choices = el(
    "div",
    { class: "choices" },
    choice(
      "from loss",
      "path-loss",
      losses.map((i, k) => [k, name(i)]),
      chosen.loss,
      (k) => (chosen.loss = k),
    ),
    choice(
      "to state",
      "path-state",
      layers.flatMap((l, a) =>
        l.states.map((s, k) => [a * 100 + k, layers.length > 1 ? `${l.name}/${s.name}` : s.name]),
      ),
      chosen.layer * 100 + chosen.state,
      (v) => {
        chosen.layer = Math.floor(v / 100);
        chosen.state = v % 100;
        chosen.way = 0;
      },
    ),
    choice(
      "at step",
      "path-step",
      steps.map((s) => [s, data.steps[s]]),
      chosen.step,
      (s) => {
        chosen.step = s;
        chosen.way = 0;
      },
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
    children.push(...result(along, node, loss, wanted));
    if (active) reveal(node);
  }
  if (stateNow().norms.length > 1) {
    const pick = (loss, step) => {
      Object.assign(chosen, { loss, step, way: 0 });
      draw();
    };
    children.push(
      el("h3", {}, "All losses by all steps"),
      matrix(stateNow(), losses, steps, chosen, pick),
      note("Rows: the step of the loss; columns: the step of the state; colour: log ‖∂Lₜ/∂hₖ‖."),
    );
  }
  panel.replaceChildren(...children);
}

function result(along, node, loss, wanted) {
  const to = ends(along.at(-1));
  const found = along.length > 1 ? ways(lane(), chosen.state, along, to) : { found: [], complete: true };
  const total = countWays(losses[chosen.loss], node);
  const children =
    exact() === null
      ? [note(`‖∂${loss}/∂${wanted}‖ is not computed for so many losses; the products of Jacobians are.`)]
      : [
          el(
            "p",
            { class: "big" },
            `‖∂${loss}/∂${wanted}‖ = `,
            el("b", { id: "path-norm", "data-exact": exact() }, number(exact())),
          ),
        ];
  children.push(
    note(
      `${total >= 1e6 ? number(total) : total.toLocaleString("en")} ways op by op${lane().states.length > 1 ? ", grouped below by the states that they go through" : ", all through the same states"}.`,
    ),
  );
  if (found === null) {
    children.push(note("The Jacobians of its steps were not computed: the state is large, or reads several steps."));
    showOn(along, null);
    return children;
  }
  if (along.length > 1) {
    const shownWays = found.found.slice(0, 10);
    const top = shownWays[0]?.norm || 1;
    const row = (words, value, k, hint) =>
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
        el("td", { class: "bar" }, el("span", { style: `width:${Math.min(100, (value / top) * 100)}%` })),
        el("td", { class: "amount", title: hint }, number(value)),
      );
    const curve = decay(lane(), chosen.state, backFrom(along.at(-1)), to);
    const whole = curve.find((c) => c.step === chosen.step)?.norm ?? 0;
    const names = lane().states.map((s) => s.name);
    children.push(
      el("h3", {}, `Products of Jacobians, ${name(lane().states[to[0] ?? 0].nodes[along.at(-1)])} by ${wanted}`),
      el(
        "table",
        { class: "ways" },
        row("all ways", whole, 0, "the norm of the whole product"),
        ...(lane().states.length > 1
          ? shownWays.map((w, k) =>
              row(describe(w.through, names), w.norm, k + 1, "the norm of the product along this way"),
            )
          : []),
      ),
    );
    if (!found.complete) children.push(note("Of very many ways the strongest are followed."));
    if (lane().states.length > 1) children.push(note("Ways add up, and may cancel."));
    children.push(el("h3", {}, "How it fades"), curvePicture(curve, chosen.step));
    showOn(along, chosen.way > 0 ? found.found[chosen.way - 1]?.through : null);
  } else showOn(along, null);
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
      layers.forEach((l, a) =>
        l.states.forEach((s, k) =>
          stepsOf(s).forEach(
            (step) => s.nodes[step] === i && Object.assign(chosen, { layer: a, state: k, step, way: 0 }),
          ),
        ),
      );
      draw();
    }
  });
}
