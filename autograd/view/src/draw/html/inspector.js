// What is known of the chosen node.

import {
  FIRST,
  adjoint,
  attributes,
  box,
  column,
  count,
  data,
  equation,
  face,
  handedOn,
  isStep,
  kind,
  name,
  of,
  operands,
  rule,
  stepNumber,
  text,
  title,
  users,
  value,
} from "./data.js";
import { $, el, svg, typeset, wrap } from "./dom.js";
import { canChange, recomputed } from "./live.js";
import { notesTable } from "./notes.js";
import { brief, many, number } from "./numbers.js";
import { starts } from "./places.js";
import { error } from "./rules.js";
import { choose, onChange, state, toggle } from "./state.js";
import { strip } from "./strips.js";
import { verdict } from "./verdict.js";

const section = (heading, ...children) => el("section", {}, el("h3", {}, heading), ...children);

/** A button that leads to a node. */
export function link(i, words = name(i)) {
  return el(
    "button",
    {
      type: "button",
      class: `link ${kind(i).part} ${kind(i).class}`,
      "data-to": i,
      onclick: () => choose(i, { open: hidden(i) }),
      title: `${kind(i).op} ${kind(i).type}`,
    },
    words,
  );
}

/** Whether a node is on the way to a named one, so that a closed box does not show it. */
const hidden = (i) =>
  isStep(column[i]) && state.open.size > 0 && face(box(column[i], kind(i).block, kind(i).part) ?? [i]) !== i;

function statistics(v) {
  const entry = (word, x) => [el("dt", {}, word), el("dd", { "data-exact": x }, number(x))];
  return el(
    "dl",
    { class: "statistics" },
    ...entry("min", v.min),
    ...entry("max", v.max),
    ...entry("mean", v.mean),
    ...entry("norm", v.norm),
  );
}

function valueOf(i, heading, id) {
  const v = value(i);
  if (!v) return null;
  if (i >= state.position) return section(heading, el("p", { class: "note", id }, "not computed yet"));
  const words = v.whole
    ? null
    : el(
        "p",
        { class: "note" },
        `${v.count.toLocaleString("en")} numbers: each cell is the largest of a stretch of them.`,
      );
  const list =
    v.whole && v.count <= 8
      ? el(
          "p",
          { class: "entries", "data-entries": Array.from(v.entries).join(" ") },
          Array.from(v.entries, number).join("   "),
        )
      : null;
  return section(
    heading,
    el("div", { id, class: "value" }, strip(v, kind(i).shape, heading), list, statistics(v), words),
  );
}

function list(nodes, most = 10) {
  const all = Array.from(new Set(nodes));
  const items = all.slice(0, most).map((i) => el("li", {}, link(i)));
  const whole = el("ul", { class: "links" }, ...items);
  if (all.length > most) {
    const more = el(
      "button",
      { type: "button", class: "more", onclick: () => whole.replaceChildren(...all.map((i) => el("li", {}, link(i)))) },
      `and ${all.length - most} more`,
    );
    whole.append(el("li", {}, more));
  }
  return whole;
}

function sourceOf(i) {
  const line = kind(i).line;
  const asked = el("p", { class: "note place" }, "asked for at ", el("code", {}, kind(i).place));
  if (line === null) return section("From", asked);
  const lines = data.source
    .map((l, k) => ({ ...l, k }))
    .filter(({ k, defines }) => k === line || (defines && Math.abs(k - line) <= 2));
  return section(
    "From the cell's file",
    el(
      "pre",
      { class: "source" },
      ...lines.map(({ text, k }) =>
        el(
          "code",
          { class: k === line ? "this" : "" },
          el("span", { class: "number" }, String(k + 1).padStart(3)),
          ` ${text}\n`,
        ),
      ),
    ),
    asked,
  );
}

/** A text in which code stands between backticks. */
const quoted = (text) => text.split("`").map((part, k) => (k % 2 === 1 ? el("code", {}, part) : part));

/** What the steps read and say, and how much of the gradient comes back to each. */
function notes() {
  const lane = data.reach.layers.at(-1);
  const node = (step) => lane?.states[0].nodes[data.steps.indexOf(step)] ?? null;
  const back = (step) => (node(step) === null ? null : adjoint(node(step)));
  const norm = (step) => (back(step) === null ? null : (value(back(step))?.norm ?? null));
  const table = notesTable(norm, (step) => choose(node(step)));
  return table && section("What it reads and says", table);
}

function overview() {
  const steps = data.steps.length - starts.size;
  const parameters = data.shares.length;
  return [
    el("h2", {}, data.title),
    ...verdict(link),
    data.about ? el("p", { class: "about" }, ...quoted(data.about)) : null,
    notes(),
    data.equations ? el("div", { class: "equations block" }, typeset(data.equations)) : null,
    el("p", { class: "note" }, `${many(count, "node")}, ${many(steps, "step")}, ${many(parameters, "parameter")}.`),
    section(
      "How to read this",
      el(
        "ul",
        { class: "plain" },
        el("li", {}, "Columns are time steps. Forward is above the line; below it the backward pass is its mirror."),
        el(
          "li",
          {},
          "Click a node for its equation, value and adjoint; a parameter for what each step adds to its gradient.",
        ),
        el("li", {}, "Click a step's number to see every op in it."),
        el(
          "li",
          {},
          "Press ",
          el("kbd", {}, "space"),
          " to walk through the computation in order of execution, ",
          el("kbd", {}, "?"),
          " for all keys.",
        ),
      ),
    ),
    data.values
      ? el(
          "p",
          { class: "note" },
          canChange
            ? "All values are computed in this page, in double precision. Change has the weights and the data to drag, and all that is made of them follows."
            : `Values are of one run at fixed inputs and weights, computed in double and shown in single precision; of tensors of more than ${data.values.whole} numbers, statistics and stretches.`,
        )
      : el("p", { class: "note" }, "The graph was given no values."),
  ];
}

/** What each step adds to a parameter's gradient. */
function shares(i) {
  const mine = data.shares.find((s) => s.node === i || s.gradient === i);
  if (!mine) return null;
  const [width, height, margin] = [330, 120, 54];
  const steps = data.steps.map((_, s) => s).filter((s) => !starts.has(s + FIRST));
  const top = Math.max(...steps.map((s) => mine.norms[s]), 1e-300);
  const one = (width - margin) / steps.length;
  const at = (k) => margin + k * one;
  const zero = height * 0.66;
  const high = (x) => (x / top) * (zero - 6);
  const picture = svg(
    "svg",
    {
      class: "shares",
      viewBox: `0 0 ${width} ${height + 16}`,
      role: "img",
      "aria-label": `what each step adds to ∂${name(mine.node)}`,
    },
    svg("line", { x1: margin, x2: width, y1: zero, y2: zero, class: "axis" }),
    ...[top, top / 2, 0, -top / 2].flatMap((x) => [
      svg("line", { x1: margin - 4, x2: x === 0 ? width : margin, y1: zero - high(x), y2: zero - high(x), class: "axis" }),
      svg("text", { x: margin - 6, y: zero - high(x) + 3.5, class: "left" }, brief(x)),
    ]),
  );
  steps.forEach((s, k) => {
    const along = mine.along[s];
    const h = Math.max(Math.min(high(Math.abs(along)), along < 0 ? height - zero : zero), 0.4);
    const words = `step ${data.steps[s]}: share ${number(along)}, norm ${number(mine.norms[s])}`;
    picture.append(
      svg(
        "g",
        { class: "bar", "data-step": data.steps[s], "data-share": along, onclick: () => open(s) },
        svg("title", {}, words),
        svg("rect", { class: "hit", x: at(k), y: 0, width: one, height }),
        svg("rect", {
          class: "norm",
          x: at(k) + one * 0.1,
          y: zero - high(mine.norms[s]),
          width: one * 0.8,
          height: high(mine.norms[s]),
        }),
        svg("rect", {
          class: along < 0 ? "minus" : "plus",
          x: at(k) + one * 0.1,
          y: along < 0 ? zero : zero - h,
          width: one * 0.8,
          height: h,
        }),
      ),
    );
    const every = Math.ceil(steps.length / 12);
    if (k % every === 0) picture.append(svg("text", { x: at(k + 0.5), y: height + 12 }, String(data.steps[s])));
  });
  const sum = steps.reduce((a, s) => a + mine.along[s], 0);
  const open = (s) => {
    const c = s + FIRST;
    if (!state.open.has(c)) toggle(c);
  };
  return section(
    "Gradient: a sum over steps",
    el("p", { class: "formula-line" }, `∂${name(mine.node)} = Σₜ Gₜ,   ‖∂${name(mine.node)}‖ = ${number(mine.norm)}`),
    picture,
    el(
      "p",
      { class: "note" },
      `Dark: the share ⟨Gₜ, G⟩ / ‖G‖ of step t, with G the whole sum; the shares add up to ${number(sum)}. Light: ‖Gₜ‖.`,
    ),
  );
}

const placeInWords = (i) =>
  isStep(column[i]) ? `step ${stepNumber(column[i])}` : kind(i).column === "side" ? "before the steps" : "after the steps";

/** A closed box of the backward part whose adjoint is another node's: that of the sum which its value is a summand of. */
function handingOn(i) {
  const nodes = isStep(column[i]) && state.open.size === 0 && kind(i).block !== null ? box(column[i], kind(i).block, kind(i).part) : null;
  const forward = nodes && face(nodes) === i ? handedOn(nodes) : null;
  if (forward === null) return null;
  const given = adjoint(forward);
  return [
    el("p", { class: "crumb" }, `adjoint · ${placeInWords(i)}`),
    el("h2", { id: "node-name" }, `∂${name(forward)}`),
    given === null
      ? el("p", { class: "note" }, "No adjoint: the gradient does not come here.")
      : el("p", { class: "note" }, `Its node is `, link(given), `: ${name(forward)} is a summand of what that belongs to, and a sum hands its adjoint on as it is.`),
    given === null ? null : valueOf(given, "Value of this adjoint", "value"),
    el("p", {}, "belongs to: ", link(forward)),
    section("Made of it in this box", list(nodes)),
    sourceOf(forward),
  ];
}

function show(i) {
  const passed = handingOn(i);
  if (passed) return passed;
  const step = placeInWords(i);
  const role = { forward: "forward", adjoint: "adjoint", backward: "backward, on the way to an adjoint" }[kind(i).role];
  const mirror = kind(i).part === "backward" ? of(i) : adjoint(i);
  const operator = kind(i).op + (attributes(i) ? ` ${attributes(i)}` : "");
  const formula = equation(i);
  const canOpen = isStep(column[i]) && !starts.has(column[i]);
  return [
    el("p", { class: "crumb" }, `${role} · ${step}`),
    el("h2", { id: "node-name" }, name(i)),
    el("p", { class: "op-line" }, el("code", {}, operator), "  ", el("span", { class: "type" }, kind(i).type)),
    formula === null ? null : el("div", { id: "equation", class: "equation" }, typeset(formula)),
    canOpen
      ? el(
          "p",
          {},
          el(
            "button",
            { type: "button", class: "quiet", onclick: () => toggle(column[i]) },
            `${state.open.has(column[i]) ? "Close" : "Open"} step ${stepNumber(column[i])}`,
          ),
        )
      : null,
    error(i) === null
      ? null
      : el("p", { id: "error" }, `relative error of this adjoint’s own equation: ${number(error(i))}`),
    shares(i),
    valueOf(i, kind(i).part === "forward" ? "Value" : "Value of this adjoint", "value"),
    kind(i).part === "forward" && mirror !== null ? valueOf(mirror, "Adjoint", "adjoint") : null,
    mirror !== null
      ? el("p", {}, kind(i).part === "forward" ? "adjoint: " : "belongs to: ", link(mirror))
      : kind(i).part === "forward"
        ? el("p", { class: "note" }, "No adjoint: the gradient does not come here.")
        : null,
    rule(i) === null
      ? null
      : section("VJP rule of this op", el("div", { id: "rule", class: "equation rule" }, typeset(rule(i)))),
    operands(i).length ? section("Made of", list(operands(i))) : null,
    users(i).length ? section("Used by", list(users(i))) : null,
    sourceOf(i),
  ];
}

/** A long sum goes on in the next line; what is still too long is written smaller, as far as it can be read. */
function narrow(frame) {
  const formula = frame.firstElementChild;
  wrap(frame, frame.clientWidth - 40);
  const share = (frame.clientWidth - 26) / formula.scrollWidth;
  if (share < 1) formula.style.fontSize = `${Math.max(11, parseFloat(getComputedStyle(formula).fontSize) * share)}px`;
}

export function startInspector() {
  const draw = () => {
    const children = state.node === null ? overview() : show(state.node);
    $("node-panel").replaceChildren(...children.filter((child) => child !== null));
    $("node-panel").scrollTop = 0;
    $("node-panel").querySelectorAll(".equation, .equations").forEach(narrow);
  };
  onChange((what) => ("node" in what || "open" in what || ("position" in what && state.node !== null)) && draw());
  recomputed.push(() => !$("node-panel").hidden && draw());
  draw();
}
