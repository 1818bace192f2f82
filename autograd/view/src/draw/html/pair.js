// Two nets on one clock: two pages in frames, of which each follows the other. What is chosen, open, computed or in view in one
// is so in the other, by name; and what differs has the colour of its difference.

import { EQUAL, MARKS, differenceColour, differenceInWords, relativeDifference } from "./difference.js";

const $ = (id) => document.getElementById(id);
const nets = JSON.parse($("nets").textContent);
const SVG = "http://www.w3.org/2000/svg";
const svg = (tag, attributes, text = "") => {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
};

const left = { frame: $("left"), choice: $("left-net"), net: 0, graph: null };
const right = { frame: $("right"), choice: $("right-net"), net: nets.length - 1, graph: null };
const other = (one) => (one === left ? right : left);
const both = () => [left, right].filter((one) => one.graph);

function show(one, net) {
  one.net = net;
  one.graph = null;
  one.choice.value = net;
  if (one === right) $("slider").value = net;
  one.frame.srcdoc = nets[net].page.replace("<body>", '<body class="beside wide">');
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

function tellZoom({ rolled, open }) {
  const now = rolled ? "rolled" : open.size ? "open" : "unrolled";
  for (const id of ["rolled", "unrolled", "open"]) setPressed(id, id === now);
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
    tellZoom(graph.state);
    tellChosen();
  });
  tellZoom(graph.state);
  graph.moved.push(() => tellOther(one, (from, to) => to.standAt(from.standing())));
  graph.pairs.push((pair) => tellOther(one, (_, to) => to.lightPair(pair && pair.t < to.steps.length && pair.k < to.steps.length ? pair : null)));
  graph.picked.push((what) => tellOther(one, (_, to) => to.pickNamed(what)));
  graph.panelsTold.push((panel) => {
    setPressed("panels", panel !== null);
    tellOther(one, (_, to) => to.showPanel(panel));
  });
  graph.linkedTold.push((yes) => {
    setPressed("matrix", yes);
    tellOther(one, (_, to) => to.showLinked(yes));
  });
  const { contentDocument } = one.frame;
  contentDocument.addEventListener("themechange", () => setTheme(contentDocument.documentElement.dataset.theme));
  contentDocument.addEventListener("keydown", (e) => ownKey(e) && e.stopPropagation(), { capture: true });
  let soon = 0;
  graph.recomputed.push(() => {
    clearTimeout(soon);
    soon = setTimeout(compare, 60);
  });
  const from = other(one).graph;
  if (!from) return;
  telling = true;
  if (isPressed("matrix")) graph.showLinked(true);
  graph.showPanel(from.shownPanel());
  graph.change(translated(from.state, from, graph));
  graph.standAt(from.standing());
  telling = false;
  compare();
}

function compare() {
  if (both().length < 2) return;
  const [a, b] = [left.graph, right.graph];
  const [inA, inB] = isPressed("differences") ? [new Map(), new Map()] : [null, null];
  if (inA)
    for (let i = 0; i < a.count; i++) {
      const j = b.find(a.name(i));
      const apart = j === null ? null : relativeDifference(a.value(i), b.value(j));
      if (apart !== null) inA.set(i, apart), inB.set(j, apart);
    }
  telling = true;
  for (const [graph, found] of [[a, inA], [b, inB]]) {
    graph.setDifferences(found);
    graph.repaint();
  }
  telling = false;
  $("scale").hidden = inA === null;
  tellChosen();
  drawCurves();
  document.documentElement.dataset.ready = Math.round(performance.now());
}

/** The legend: what the colours of the boxes say. */
function drawScale() {
  const swatch = (colour, words, className = "") => {
    const box = document.createElement("i");
    box.className = `swatch ${className}`;
    if (colour !== null) box.style.setProperty("--edge", colour);
    return [box, document.createTextNode(words)];
  };
  const bar = svg("svg", { viewBox: "0 0 300 30", width: 300, height: 30, role: "img", "aria-label": "relative difference, from 0.001 % to 100 %, logarithmic" });
  const [from, length, cells] = [26, 250, 50];
  for (let k = 0; k < cells; k++) {
    const e = MARKS[0] * (MARKS.at(-1) / MARKS[0]) ** ((k + 0.5) / cells);
    bar.append(svg("rect", { class: "shade", x: from + (k * length) / cells, y: 2, width: length / cells + 0.3, height: 12, style: `--edge:${differenceColour(e)}` }));
  }
  MARKS.forEach((e, k) => {
    const x = from + (k * length) / (MARKS.length - 1);
    bar.append(svg("line", { x1: x, x2: x, y1: 2, y2: 17 }), svg("text", { x, y: 28 }, `${Number((100 * e).toPrecision(1))} %`));
  });
  $("scale").append(...swatch(differenceColour(0), "equal to rounding"), bar, ...swatch(null, "only in this net, or of another size", "alone"));
}

const told = (x) => (x === 0 ? "0" : Math.abs(x) >= 1e-3 && Math.abs(x) < 1e4 ? x.toPrecision(4) : x.toExponential(2));
const SHARED = "What is chosen, open, computed or in view in one net is so in the other, by name, and so are panels and themes. Numbers that are changed belong to one net alone.";

function tellChosen() {
  const from = both().find((one) => one.graph.state.node !== null);
  if (!from || both().length < 2) return void ($("told").textContent = `Choose a box: its value in both nets is told here. ${SHARED}`);
  const i = from.graph.state.node;
  const name = from.graph.name(i);
  const valuesOf = (name) =>
    [left, right].map(({ graph }) => {
      const i = graph.find(name);
      return i === null ? null : graph.value(i);
    });
  const apart = (name) => {
    const values = valuesOf(name);
    return values[0] && values[1] ? relativeDifference(...values) : null;
  };
  const values = valuesOf(name);
  const one = (letter, value) => (value ? `${letter} ${value.count === 1 ? told(value.entries[0]) : `‖·‖ = ${told(value.norm)}`}` : `${letter} has none`);
  const words = values[0] && values[1] ? `: ${differenceInWords(apart(name))}` : "";
  // What differs more in the same box.
  const members = from.graph.members(i).filter((m) => m !== i).map((m) => from.graph.name(m));
  const [most, where] = members.map((m) => [apart(m) ?? 0, m]).reduce((a, b) => (b[0] > a[0] ? b : a), [0, null]);
  const more = apart(name) !== null && most > Math.max(EQUAL, 2 * apart(name)) ? `. In its box ${where} is ${differenceInWords(most)}` : "";
  $("told").textContent = `${name}: ${one("A", values[0])}, ${one("B", values[1])}${words}${more}`;
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
      return [a.steps[s], x === null || y === null ? null : relativeDifference(a.value(x), b.value(y))];
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
const setPressed = (id, yes) => $(id).setAttribute("aria-pressed", yes);
function press(id, act) {
  $(id).addEventListener("click", () => {
    setPressed(id, !isPressed(id));
    act(isPressed(id));
  });
}

/** The keys of this page: what is over both nets. */
function ownKey(e) {
  if (e.target.matches?.("select, textarea, input:not([type=range])")) return false;
  if (e.key === "?") showKeys();
  else if (e.key === "0") fit();
  else return false;
  e.preventDefault();
  return true;
}

function showKeys() {
  if ($("help").open) return $("help").close();
  const row = ([keys, words]) => {
    const line = document.createElement("tr");
    const [left, right] = [document.createElement("td"), document.createElement("td")];
    for (const key of keys) left.append(Object.assign(document.createElement("kbd"), { textContent: key }), " ");
    right.textContent = words;
    line.append(left, right);
    return line;
  };
  $("keys").replaceChildren(...(left.graph?.keys ?? []).map(row));
  $("shared").textContent = SHARED;
  return $("help").showModal();
}

function setTheme(now) {
  document.documentElement.dataset.theme = now;
  for (const { contentDocument } of both().map(({ frame }) => frame)) {
    if (contentDocument.documentElement.dataset.theme === now) continue;
    contentDocument.documentElement.dataset.theme = now;
    contentDocument.dispatchEvent(new Event("themechange"));
  }
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
// Before a box is clicked the keys come here.
addEventListener("keydown", (e) => {
  if (e.target.matches?.("iframe") || ownKey(e) || $("help").open) return;
  left.graph?.press(e);
});
/** After the windows have another size: all of the pictures, at one place. */
const fitted = (act) => (yes) => {
  act(yes);
  setTimeout(fit, 100);
};
press("matrix", fitted((yes) => left.graph?.showLinked(yes)));
press("differences", compare);
press("stack", fitted((yes) => document.body.classList.toggle("stacked", yes)));
press("panels", fitted((yes) => left.graph?.showPanel(yes ? "node" : null)));
$("play").addEventListener("click", () => left.graph?.play());
$("clock").addEventListener("input", () => left.graph?.change({ position: Math.round((Number($("clock").value) * left.graph.count) / 1000) }));
$("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
$("close-help").addEventListener("click", () => $("help").close());
drawScale();
document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
show(left, left.net);
show(right, right.net);
/** For the console. */
globalThis.sides = { left, right };
