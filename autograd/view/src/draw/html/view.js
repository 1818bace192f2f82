// The picture in its window: only columns that are in view exist.

import { END, SIDE, box, column, data, face, isStep, kind, nodesIn, operands, users } from "./data.js";
import { $, svg } from "./dom.js";
import { drawClosed } from "./closed.js";
import { drawBuses, drawEndLanes, drawOpen } from "./open.js";
import { group, spoken } from "./marks.js";
import { drawCuts, drawHead } from "./heads.js";
import { light } from "./light.js";
import { drawSaid } from "./notes.js";
import { atEnd, atSide, endBoxes, model, pillsOf, places, railRows, starts } from "./places.js";
import { recomputed } from "./live.js";
import { drawLoops } from "./rolled.js";
import { change, onChange, state, toggle } from "./state.js";

const window_ = $("window");
const world = $("world");
const ground = $("ground");
const columns = $("columns");
const edges = $("edges");

/** The upper left corner of the window in the picture, and how large a pixel of the picture is. */
const camera = { x: 0, y: 0, scale: 1 };
let p = places();
const drawn = new Map();
/** Who has placed the window: nobody yet, the reader, or the wish to see all, which is kept when the window changes its size. */
let placed = "first";

/** Asked for once, and when it has changed: asking makes the browser lay everything out. */
let measuredSize = null;
const windowSize = () => (measuredSize ??= { width: window_.clientWidth, height: window_.clientHeight });

/** Draws everything anew. */
function redraw() {
  p = places();
  drawn.clear();
  columns.replaceChildren();
  ground.replaceChildren();
  edges.replaceChildren();
  longLines = [];
  drawGround();
  drawEdges();
  refresh();
}

/** What lies under all columns. */
function drawGround() {
  const right = p.right + 24;
  if (p.tall) {
    for (const [name, y, h] of data.sheet.bands) {
      const from = p.left(p.steps[0]) - 22;
      ground.append(
        svg("rect", {
          class: "band",
          x: from,
          y,
          width: p.left(p.steps.at(-1)) + p.width(p.steps.at(-1)) - from + 12,
          height: h,
          rx: 10,
        }),
      );
      ground.append(
        svg("text", { class: "band-name", transform: `translate(${from + 14},${y + h / 2}) rotate(-90)` }, name),
      );
    }
  }
  if (p.divider !== null) {
    ground.append(
      long("divider", p.divider, 12, right),
      svg("text", { class: "part forward", x: 14, y: p.divider - 7 }, "forward ↑"),
      svg("text", { class: "part backward", x: 14, y: p.divider + 16 }, "backward"),
    );
  }
  if (!p.tall) drawRails();
}

/** Whether a node of a step gives something to what is at the end, or takes something from there. */
const atTheEnd = (i, part) => Array.from(part === "forward" ? users(i) : operands(i)).some((x) => column[x] === END && kind(x).part === part);

/** Level dashed lines over all columns. Only what is in the window is drawn: dashes are dear, and there may be thousands. */
let longLines = [];
function long(className, y, from, to) {
  const line = svg("path", { class: className });
  longLines.push({ line, y, from, to });
  return line;
}
function clipLong() {
  const { width } = windowSize();
  const period = 60; // of all patterns of dashes, so that they stay where they are
  const [left, right] = [camera.x - 20, camera.x + width / camera.scale + 20];
  for (const { line, y, from, to } of longLines) {
    const begin = Math.max(from, from + Math.floor((left - from) / period) * period);
    const end = Math.min(to, right);
    line.setAttribute("d", begin < end ? `M${begin},${y}H${end}` : "");
  }
}

/** Parameters pass through all boxes that read them; gradients come back the same way. */
function drawRails() {
  const whole = p.steps.filter((c) => !starts.has(c));
  const [first, last] = [whole[0] ?? p.steps[0], whole.at(-1) ?? p.steps[0]];
  for (const part of ["forward", "backward"]) {
    for (const row of railRows(part)) {
      const pills = pillsOf(row, part)
        .map((b) => p.pill(b, part))
        .filter(Boolean);
      if (pills.length === 0) continue;
      const frames = data.blocks.flatMap((block, b) =>
        block.row === row && ["cell", "value"].includes(block.kind) && box(last, b, part) ? [p.box(last, b, part)] : [],
      );
      const frame = frames.find((f) => f && !f.satellite);
      if (!frame) continue;
      const y = Math.min(frame.y + frame.h - 13, p.rows.middle[part][row] + (frame.h > 60 ? frame.h / 2 - 13 : 0));
      const x = p.side + 16;
      const start = p.left(first) + (p.width(first) - frame.w) / 2;
      let d = "";
      for (const f of pills) d += `M${f.x + f.w},${f.y + f.h / 2}C${x},${f.y + f.h / 2} ${x - 6},${y} ${x + 8},${y}`;
      ground.append(svg("path", { class: `rail ${part}`, d }), long(`rail ${part}`, y, x + 8, frame.x + 4));
      const head = part === "forward" ? `M${start - 14},${y}H${start - 1}` : `M${x + 26},${y}H${x + 8}`;
      ground.append(svg("path", { class: "rail head", d: head, "marker-end": "url(#arrow-rail)" }));
    }
  }
  if (atEnd.length === 0) return;
  for (const part of ["forward", "backward"]) {
    const b = atEnd.find((b) => box(END, b, part));
    if (b === undefined) continue;
    const y = p.railY(part);
    const tied = whole.find((c) => nodesIn(c).some((i) => kind(i).part === part && atTheEnd(i, part))) ?? first;
    const x0 = p.left(tied) + p.width(tied) / 2;
    const line = svg("path", {
      class: `edge ${part} loss-rail`,
      d: part === "forward" ? `M${x0},${y}H${p.left(END) - 1}` : `M${p.left(END)},${y}H${x0}`,
      "marker-end": part === "forward" ? "url(#arrow-forward)" : null,
      "data-first": box(END, b, part)[0],
      "data-last": box(END, b, part)[0],
    });
    ground.append(line);
    for (const other of endBoxes(part).slice(1)) {
      const { y: top, h } = p.box(END, other, part);
      const d = `M${p.left(END) - 18},${y}V${top + h / 2}H${p.left(END) - 1}`;
      ground.append(svg("path", { class: `edge ${part} loss-rail`, d, "marker-end": `url(#arrow-${part})` }));
    }
  }
}

/** The columns at the side and at the end. */
function drawEdges() {
  if (!state.rolled) drawSaid(END, p.left(END) + 46, p.top + 26, edges);
  if (p.tall) {
    [SIDE, END].forEach((c) => drawOpen(p, c, edges));
    drawEndLanes(p, edges);
    return;
  }
  for (const part of ["forward", "backward"]) {
    for (const b of atSide) {
      const nodes = box(SIDE, b, part);
      const f = nodes && p.pill(b, part);
      if (!f) continue;
      const i = face(nodes);
      edges.append(
        group(
          i,
          `box pill ${part} ${kind(i).class}`,
          nodes,
          svg("title", {}, spoken(i)),
          svg("rect", { x: f.x, y: f.y, width: f.w, height: f.h, rx: 6 }),
          svg(
            "text",
            { x: f.x + f.w / 2, y: f.y + 15, class: "name small" },
            part === "forward" ? data.blocks[b].name : `∂${data.blocks[b].name}`,
          ),
        ),
      );
    }
    atEnd.forEach((b) => {
      const nodes = box(END, b, part);
      if (!nodes) return;
      const f = p.box(END, b, part);
      const i = part === "forward" ? nodes.at(-1) : nodes[0];
      edges.append(
        group(
          i,
          `box value ${part} output`,
          nodes,
          svg("title", {}, spoken(i)),
          svg("rect", { x: f.x, y: f.y, width: f.w, height: f.h, rx: f.h / 2 }),
          svg(
            "text",
            { x: f.x + f.w / 2, y: f.y + 21.5, class: "name" },
            part === "forward" ? data.blocks[b].name : `∂${data.blocks[b].name}`,
          ),
        ),
      );
    });
  }
}

/** Columns come and go as the window moves. */
export function refresh() {
  const { width } = windowSize();
  // A window that has no size shows nothing, and leaves no trace.
  if (!(width > 0) || !(camera.scale > 0)) return;
  world.setAttribute(
    "transform",
    `translate(${-camera.x * camera.scale},${-camera.y * camera.scale}) scale(${camera.scale})`,
  );
  clipLong();
  const [from, to] = [camera.x - 200, camera.x + width / camera.scale + 200];
  const lowest = firstRightOf(from);
  const wanted = new Set();
  for (let k = lowest; k < p.steps.length && p.left(p.steps[k]) < to; k++) wanted.add(p.steps[k]);
  for (const [c, g] of drawn) {
    if (!wanted.has(c)) {
      g.remove();
      drawn.delete(c);
    }
  }
  for (const c of wanted) {
    if (drawn.has(c)) continue;
    const beyond = isStep(c) && c > state.lastColumn ? " beyond" : "";
    const g = svg("g", { class: `column${beyond}`, "data-column": c });
    columns.append(g);
    drawn.set(c, g);
    drawHead(p, c, g);
    if (p.isOpen(c)) drawOpen(p, c, g);
    else drawClosed(p, c, g);
    if (state.rolled) drawLoops(p, c, g);
    else drawCuts(p, c, g);
    if (p.tall) drawBuses(p, c, g);
    light(g);
  }
  $("zoom-share").textContent = `${Math.round(camera.scale * 100)} %`;
  moved.forEach((f) => f());
}

/** What is told when the window moves. */
export const moved = [];

/** The part of the steps that is in view, as shares. */
export function inView() {
  const steps = p.steps;
  const { width } = windowSize();
  const [a, b] = [p.left(steps[0]), p.left(steps.at(-1)) + p.width(steps.at(-1))];
  const share = (x) => Math.max(0, Math.min(1, (x - a) / (b - a)));
  return [share(camera.x), share(camera.x + width / camera.scale)];
}

/** The first column whose right edge is beyond a place: lefts ascend. */
function firstRightOf(x) {
  let [low, high] = [0, p.steps.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (p.left(p.steps[middle]) + p.width(p.steps[middle]) < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function moveTo(x, y, scale = camera.scale) {
  Object.assign(camera, clamped(x, y, Math.min(4, Math.max(smallest(), scale))));
  refresh();
}

/** The picture is never lost from the window. One that is smaller stands in the middle, or level with its neighbour. */
function clamped(x, y, scale) {
  const { width, height } = windowSize();
  const [w, h] = [width / scale, height / scale];
  const beside = document.body.classList.contains("beside");
  const within = (at, low, high) => Math.min(high, Math.max(low, at));
  const keep = (at, low, high) => (low <= high ? within(at, low, high) : beside ? within(at, high, low) : (low + high) / 2);
  return { x: keep(x, -24, p.right + 40 - w), y: keep(y, p.top - 12, p.height + 24 - h), scale };
}

/** At most so many columns are in view. */
const MOST_COLUMNS = 130;
const smallest = () =>
  Math.min(windowSize().height / (p.height - p.top + 60), windowSize().width / Math.min(p.right + 80, MOST_COLUMNS * 182), 1);

export function zoom(by, atX = windowSize().width / 2, atY = windowSize().height / 2) {
  const scale = Math.min(4, Math.max(smallest(), camera.scale * by));
  const keep = 1 / camera.scale - 1 / scale;
  moveTo(camera.x + atX * keep, camera.y + atY * keep, scale);
}

/** As much of the picture as can be read; all of it if it is asked for. */
export function fit(asked = false) {
  const { width, height } = windowSize();
  if (width === 0 || height === 0) return undefined;
  placed = asked ? "all" : "first";
  const high = p.height - p.top;
  const all = Math.min(width / (p.right + 60), height / (high + 30), 1.5);
  if (asked || document.body.classList.contains("embed")) return moveTo(-24, p.top - 12, all);
  if (p.tall) return focusOpen();
  // At first a picture that is larger than the window is cut off rather than made too small to read.
  const scale = all > 0.45 ? all : Math.max(0.5, Math.min(1.1, height / (high + 30)));
  return moveTo(-24, p.top - 12, scale);
}

/** The open step that was opened last, from its upper edge, or as near as it can be read. */
function focusOpen() {
  const { width } = windowSize();
  const c = [...state.open].at(-1);
  const scale = Math.min(1.15, Math.max(0.62, (width - 60) / (p.width(c) + 340)));
  moveTo(p.left(c) + p.width(c) / 2 - width / scale / 2, focusHeight(scale), scale);
}

/** The height at which the layers are in the middle, or all if it fits. */
function focusHeight(scale) {
  const { height } = windowSize();
  const bands = data.sheet.bands;
  if ((p.height - p.top) * scale <= height || bands.length === 0) return p.top - 12;
  const layers = bands.slice(0, Math.ceil(bands.length / 2));
  const [top, bottom] = [Math.min(...layers.map((b) => b[1])), Math.max(...layers.map((b) => b[1] + b[2]))];
  return (top + bottom) / 2 - height / scale / 2;
}

/** Moves the window so that a node is in view. */
export function reveal(i) {
  const c = state.rolled && isStep(column[i]) ? model() : column[i];
  const f = p.isOpen(c)
    ? p.frame(i)
    : isStep(c) && kind(i).block !== null
      ? p.box(c, kind(i).block, kind(i).part)
      : null;
  const x = f ? f.x + f.w / 2 : isStep(c) ? p.left(c) + p.width(c) / 2 : c === END ? p.left(END) + 40 : 80;
  const y = f ? f.y + f.h / 2 : null;
  const { width, height } = windowSize();
  const inside = (at, from, length, margin) => at > from + margin && at < from + length - margin;
  const [w, h] = [width / camera.scale, height / camera.scale];
  const moveX = !inside(x, camera.x, w, 60);
  const moveY = y !== null && !inside(y, camera.y, h, 40);
  if (!moveX && !moveY) return;
  placed = "reader";
  moveTo(moveX ? x - w / 2 : camera.x, moveY ? y - h / 2 : camera.y);
}

/** Brings a share of the steps to the middle. */
export function goTo(share) {
  const [a, b] = [p.left(p.steps[0]), p.left(p.steps.at(-1)) + p.width(p.steps.at(-1))];
  moveTo(a + share * (b - a) - windowSize().width / camera.scale / 2, camera.y);
}

/** Where the window stands, so that another net's can stand there too: its left edge as a share of the steps, and its upper edge
from the line between forward and backward. */
export function standing() {
  const [a, b] = [p.left(p.steps[0]), p.left(p.steps.at(-1)) + p.width(p.steps.at(-1))];
  return { share: (camera.x - a) / (b - a), y: camera.y - (p.divider ?? 0), scale: camera.scale };
}
export function standAt({ share, y, scale }) {
  const [a, b] = [p.left(p.steps[0]), p.left(p.steps.at(-1)) + p.width(p.steps.at(-1))];
  placed = "reader";
  moveTo(a + share * (b - a), y + (p.divider ?? 0), scale);
}

/** Draws everything anew where the window stands. */
export function repaint() {
  const { x, y, scale } = camera;
  redraw();
  moveTo(x, y, scale);
}

export function startView() {
  onChange((what) => {
    if ("rolled" in what || "open" in what) {
      redraw();
      fit();
      const { node } = state;
      if (what.node === undefined && node !== null && p.isOpen(column[node])) reveal(node);
    }
    if ("node" in what && what.node !== null) reveal(what.node);
    if ("node" in what || "position" in what) light();
  });
  // Until the reader has moved the picture, it fits its window.
  new ResizeObserver(() => {
    measuredSize = null;
    if (windowSize().width === 0 || windowSize().height === 0) return;
    if (placed === "reader") refresh();
    else fit(placed === "all");
  }).observe(window_);
  let held = null;
  window_.addEventListener("pointerdown", (e) => {
    if (e.button === 0) held = { x: e.clientX, y: e.clientY, camera: { ...camera }, far: false };
  });
  window_.addEventListener("pointermove", (e) => {
    if (!held) return;
    const [dx, dy] = [e.clientX - held.x, e.clientY - held.y];
    if (!held.far && Math.hypot(dx, dy) < 4) return;
    if (!held.far) window_.setPointerCapture(e.pointerId);
    held.far = true;
    placed = "reader";
    moveTo(held.camera.x - dx / camera.scale, held.camera.y - dy / camera.scale);
  });
  window_.addEventListener("pointerup", (e) => {
    const far = held?.far;
    held = null;
    if (far || e.target.closest(".head")) return;
    const node = e.target.closest("[data-node]");
    change({ node: node ? Number(node.dataset.node) : null });
  });
  window_.addEventListener("pointercancel", () => (held = null));
  window_.addEventListener("dblclick", (e) => {
    const c = Number(e.target.closest(".column")?.dataset.column ?? -1);
    if (isStep(c) && !starts.has(c) && e.target.closest("[data-node]")) toggle(c);
  });
  window_.addEventListener(
    "wheel",
    (e) => {
      e.preventDefault();
      placed = "reader";
      const { left, top } = window_.getBoundingClientRect();
      if (e.ctrlKey || e.metaKey) zoom(Math.exp(-e.deltaY / 250), e.clientX - left, e.clientY - top);
      else
        moveTo(
          camera.x + (e.shiftKey ? e.deltaY : e.deltaX) / camera.scale,
          camera.y + (e.shiftKey ? 0 : e.deltaY) / camera.scale,
        );
    },
    { passive: false },
  );
  recomputed.push(repaint);
  printing();
  redraw();
  fit();
}

/** On paper the whole picture is on one sheet, as far as its steps can be told apart. */
function printing() {
  const picture = $("picture");
  addEventListener("beforeprint", () => {
    measuredSize = null;
    const most = p.steps.length > 40 ? p.left(p.steps[40]) : p.right;
    Object.assign(camera, { x: -24, y: p.top - 12, scale: windowSize().width / (most + 60) });
    refresh();
    world.removeAttribute("transform");
    picture.setAttribute("viewBox", `-24 ${p.top - 12} ${most + 60} ${p.height - p.top + 30}`);
  });
  addEventListener("afterprint", () => {
    picture.removeAttribute("viewBox");
    measuredSize = null;
    fit();
  });
}

/** What the window shows, in the picture's own measure. */
export function seen() {
  const { width, height } = windowSize();
  return { picture: $("picture"), width, height };
}
