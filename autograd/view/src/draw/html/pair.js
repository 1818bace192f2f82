// Two nets on one clock: two pages in frames, of which each follows the other. What is chosen, open, computed or in view in one
// is so in the other, by name; and what differs has the colour of its difference.

const $ = (id) => document.getElementById(id);
const nets = JSON.parse($("nets").textContent);
const SVG = "http://www.w3.org/2000/svg";
const svg = (tag, attributes, text = "") => {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
};

/** The relative difference below which two values are equal but for rounding. */
const EQUAL = 1e-11;

const left = { frame: $("left"), choice: $("left-net"), net: 0, graph: null };
const right = { frame: $("right"), choice: $("right-net"), net: nets.length - 1, graph: null };
const other = (one) => (one === left ? right : left);
const both = () => [left, right].filter((one) => one.graph);

function show(one, net) {
  one.net = net;
  one.graph = null;
  one.choice.value = net;
  if (one === right) $("slider").value = net;
  one.frame.srcdoc = nets[net].page.replace("<body>", `<body class="beside${isPressed("panels") ? "" : " wide"}">`);
}

/** Whether one of the frames is being told what the other has: it is not to answer. */
let telling = false;
function tellOther(one, tell) {
  const to = other(one);
  if (telling || !to.graph) return;
  telling = true;
  tell(one.graph, to.graph);
  telling = false;
}

/** What was changed in one net, in the words of the other. */
function translated(what, from, to) {
  const said = {};
  if ("rolled" in what) said.rolled = what.rolled;
  // The first two columns are no steps.
  if ("open" in what) said.open = new Set([...what.open].filter((c) => c < to.steps.length + 2));
  if ("node" in what) said.node = what.node === null ? null : to.find(from.name(what.node));
  if ("position" in what) said.position = moment(what.position, from, to);
  return said;
}

/** How far the other net has come: to the last node that both have. */
function moment(position, from, to) {
  if (position >= from.count) return to.count;
  for (let i = position - 1; i >= 0; i--) {
    const same = to.find(from.name(i));
    if (same !== null) return same + 1;
  }
  return 0;
}

function begin(one) {
  const { graph } = one.frame.contentWindow;
  if (!graph) return;
  one.graph = graph;
  one.frame.contentDocument.documentElement.dataset.theme = document.documentElement.dataset.theme ?? "light";
  graph.onChange((what) => {
    tellOther(one, (from, to) => to.change(translated(what, from, to)));
    if ("position" in what) $("clock").value = Math.round((1000 * graph.state.position) / graph.count);
    tellChosen();
  });
  graph.moved.push(() => tellOther(one, (from, to) => to.standAt(from.standing())));
  graph.pairs.push((pair) => tellOther(one, (_, to) => to.lightPair(pair && pair.t < to.steps.length && pair.k < to.steps.length ? pair : null)));
  let soon = 0;
  graph.recomputed.push(() => {
    clearTimeout(soon);
    soon = setTimeout(compare, 60);
  });
  const from = other(one).graph;
  if (!from) return;
  if (isPressed("matrix")) graph.showLinked(true);
  telling = true;
  graph.change(translated(from.state, from, graph));
  graph.standAt(from.standing());
  telling = false;
  compare();
}

/** ‖a − b‖ / max(‖a‖, ‖b‖) of what has one name, or null. */
function difference(a, b) {
  if (!a?.whole || !b?.whole || a.count !== b.count) return null;
  const size = Math.max(a.norm, b.norm);
  if (!(size > 0)) return 0;
  return Math.hypot(...Array.from(a.entries, (x, k) => (x - b.entries[k]) / size));
}

function compare() {
  if (both().length < 2) return;
  const [a, b] = [left.graph, right.graph];
  const [inA, inB] = [new Map(), new Map()];
  if (isPressed("differences"))
    for (let i = 0; i < a.count; i++) {
      const j = b.find(a.name(i));
      const apart = j === null ? null : difference(a.value(i), b.value(j));
      if (apart !== null) inA.set(i, apart), inB.set(j, apart);
    }
  telling = true;
  for (const [graph, found] of [[a, inA], [b, inB]]) {
    graph.setDifferences(found);
    graph.repaint();
  }
  telling = false;
  tellChosen();
  drawCurves();
  document.documentElement.dataset.ready = Math.round(performance.now());
}

const told = (x) => (x === 0 ? "0" : Math.abs(x) >= 1e-3 && Math.abs(x) < 1e4 ? x.toPrecision(4) : x.toExponential(2));
const inWords = (e) => (e === null ? "of another size" : e <= EQUAL ? "equal to rounding" : `${told(100 * e)} % apart`);

function tellChosen() {
  const from = both().find((one) => one.graph.state.node !== null);
  if (!from || both().length < 2) return void ($("told").textContent = "Choose a box: its value in both nets is told here. Everything that is done in one net is done in the other.");
  const name = from.graph.name(from.graph.state.node);
  const values = [left, right].map(({ graph }) => {
    const i = graph.find(name);
    return i === null ? null : graph.value(i);
  });
  const one = (letter, value) => (value ? `${letter} ${value.count === 1 ? told(value.entries[0]) : `‖·‖ = ${told(value.norm)}`}` : `${letter} has none`);
  const apart = values[0] && values[1] ? `: ${inWords(difference(...values))}` : "";
  $("told").textContent = `${name}: ${one("A", values[0])}, ${one("B", values[1])}${apart}`;
}

/** The differences of the last layer's first state and of its adjoint, over the steps. */
function drawCurves() {
  const [a, b] = [left.graph, right.graph];
  const [mine, theirs] = [a.lanes.at(-1)?.states[0], b.lanes.at(-1)?.states[0]];
  $("curves").replaceChildren();
  if (!mine || !theirs) return;
  const curve = (of) =>
    Object.entries(mine.nodes).map(([s, i]) => {
      const [x, y] = [of(a, i), of(b, theirs.nodes[s] ?? null)];
      return [a.steps[s], x === null || y === null ? null : difference(a.value(x), b.value(y))];
    }).filter(([, e]) => e !== null && e > 0);
  const curves = [curve((_, i) => i), curve((graph, i) => (i === null ? null : graph.adjoint(i)))];
  const all = curves.flat();
  const picture = svg("svg", { viewBox: "0 0 340 84", role: "img", "aria-label": "relative difference over the steps" });
  const names = [mine.name, `∂${mine.name}`];
  picture.append(svg("text", { x: 0, y: 10 }, "difference by step"), svg("text", { x: 150, y: 10, class: "value" }, names[0]), svg("text", { x: 200, y: 10, class: "adjoint" }, names[1]));
  if (all.length === 0) picture.append(svg("text", { x: 120, y: 45 }, "none"));
  else {
    const logs = all.map(([, e]) => Math.log10(e));
    const [low, high] = [Math.floor(Math.min(...logs)), Math.max(Math.floor(Math.min(...logs)) + 1, Math.ceil(Math.max(...logs)))];
    const [first, last] = [a.steps[0], a.steps.at(-1)];
    const x = (step) => 40 + (290 * (step - first)) / Math.max(1, last - first);
    const y = (e) => 18 + (48 * (high - Math.log10(e))) / (high - low);
    for (const e of [low, high]) picture.append(svg("line", { class: "axis", x1: 40, x2: 332, y1: y(10 ** e), y2: y(10 ** e) }), svg("text", { x: 0, y: y(10 ** e) + 4 }, `1e${e}`));
    curves.forEach((points, k) => points.length && picture.append(svg("polyline", { class: ["value", "adjoint"][k], points: points.map(([s, e]) => `${x(s)},${y(e)}`).join(" ") })));
    picture.append(svg("text", { x: 40, y: 82 }, `t = ${first}`), svg("text", { x: 310, y: 82 }, String(last)));
  }
  $("curves").append(picture);
}

const isPressed = (id) => $(id).getAttribute("aria-pressed") === "true";
function press(id, act) {
  $(id).addEventListener("click", () => {
    $(id).setAttribute("aria-pressed", !isPressed(id));
    act(isPressed(id));
  });
}

for (const one of [left, right]) {
  one.choice.append(...nets.map(({ name }, k) => new Option(name, k)));
  one.choice.addEventListener("change", () => show(one, Number(one.choice.value)));
  one.frame.addEventListener("load", () => begin(one));
}
$("title").textContent = document.title;
$("slider").max = nets.length - 1;
$("slider").hidden = nets.length < 3;
$("slider").addEventListener("input", () => show(right, Number($("slider").value)));
$("rolled").addEventListener("click", () => left.graph?.change({ rolled: true }));
$("unrolled").addEventListener("click", () => left.graph?.change({ rolled: false, open: new Set() }));
$("open").addEventListener("click", () => left.graph?.change({ rolled: false, open: new Set([left.graph.steps.length + 1]) }));
/** All of both pictures, at one scale. */
function fit() {
  const standings = both().map(({ graph }) => (graph.fit(true), graph.standing()));
  const [widest] = standings.sort((a, b) => a.scale - b.scale);
  both().forEach(({ graph }) => graph.standAt(widest));
}
$("fit").addEventListener("click", fit);
addEventListener("keydown", (e) => e.key === "0" && fit());
/** After the windows have another size: all of the pictures, at one place. */
const fitted = (act) => (yes) => {
  act(yes);
  setTimeout(fit, 100);
};
press("matrix", fitted((yes) => both().forEach((one) => one.graph.showLinked(yes))));
press("differences", compare);
press("stack", fitted((yes) => document.body.classList.toggle("stacked", yes)));
press("panels", fitted((yes) => both().forEach((one) => one.frame.contentDocument.body.classList.toggle("wide", !yes))));
$("play").addEventListener("click", () => left.graph?.play());
$("clock").addEventListener("input", () => left.graph?.change({ position: Math.round((Number($("clock").value) * left.graph.count) / 1000) }));
$("theme").addEventListener("click", () => {
  const now = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  for (const one of [document, ...both().map(({ frame }) => frame.contentDocument)]) {
    one.documentElement.dataset.theme = now;
    one.dispatchEvent(new Event("themechange"));
  }
});
document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
show(left, left.net);
show(right, right.net);
/** For the console. */
globalThis.sides = { left, right };
