// The walk through the computation, in order of execution, and the line of time.

import { adjoint, box, boxName, column, count, data, face, isStep, kind, name, shown, stepCount, value } from "./data.js";
import { $, el } from "./dom.js";
import { recomputed } from "./live.js";
import { change, onChange, state } from "./state.js";
import { goTo, inView, moved, reveal } from "./view.js";

/** Where the walk can stand: after every node of an open step, and after every box of a closed one. */
let stops = [];

function findStops() {
  stops = [0];
  for (let i = 0; i < count; i++) {
    if (!shown[i]) continue;
    const next = i + 1;
    const { block, part } = kind(i);
    const whole = !(isStep(column[i]) && state.open.has(column[i]));
    const same =
      next < count &&
      shown[next] &&
      column[next] === column[i] &&
      (kind(next).block === block || block === null) &&
      kind(next).part === part;
    if (whole && same && next < count) continue;
    stops.push(next);
  }
  $("scrub").max = stops.length - 1;
}

/** The nodes of the closed box that a node is in, or null. */
const boxOf = (i) => (isStep(column[i]) && state.open.size === 0 && kind(i).block !== null ? box(column[i], kind(i).block, kind(i).part) : null);
/** What is to be seen of a node: its box, or itself. */
const seenName = (i) => (boxOf(i) ? boxName(boxOf(i)) : name(i));
const seenNode = (i) => (boxOf(i) ? face(boxOf(i)) : i);

/** The last stop that is not beyond a position. */
function stopAt(position) {
  let [low, high] = [0, stops.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (stops[middle] <= position) low = middle;
    else high = middle - 1;
  }
  return low;
}

const go = (stop, follow = true) => {
  const position = stops[Math.max(0, Math.min(stops.length - 1, stop))];
  // The panel tells what has been computed just now.
  const telling = follow && !$("node-panel").hidden;
  change(telling ? { position, node: position > 0 && position < count ? seenNode(position - 1) : null } : { position });
  if (follow && position > 0 && position < count) reveal(position - 1);
};

/** One stop on, or back. */
export function step(by) {
  pause();
  go(stopAt(state.position) + by);
}

let playing = null;

export function pause() {
  if (playing) cancelAnimationFrame(playing.frame);
  playing = null;
  $("play").classList.remove("playing");
  $("play").setAttribute("aria-label", "play");
}

export function play() {
  if (playing) return pause();
  const from = state.position >= count ? 0 : stopAt(state.position);
  const rate = Math.max(4, stops.length / 40);
  playing = { since: performance.now(), from, frame: 0 };
  $("play").classList.add("playing");
  $("play").setAttribute("aria-label", "pause");
  go(from);
  const tick = (now) => {
    if (!playing) return;
    const stop = playing.from + Math.floor(((now - playing.since) / 1000) * rate * Number($("speed").value));
    if (stop !== stopAt(state.position)) go(stop);
    if (stop >= stops.length - 1) return pause();
    playing.frame = requestAnimationFrame(tick);
  };
  playing.frame = requestAnimationFrame(tick);
}

function tell() {
  const { position } = state;
  $("scrub").value = stopAt(position);
  const i = position - 1;
  const part =
    position === 0 ? "nothing is computed yet" : position === count ? "all is computed" : `${kind(i).part}: ${seenName(i)}`;
  $("scrub").setAttribute("aria-valuetext", part);
  $("where").textContent = part;
  $("progress").textContent = `${position.toLocaleString("en")} / ${count.toLocaleString("en")}`;
}

/** For each step the size of its state and of its adjoint, of the last layer. */
function sizes() {
  const lane = data.reach.layers.at(-1);
  if (!lane || !data.values) return null;
  const norm = (i) => (i === null || i === undefined ? null : value(i).norm);
  const nodes = lane.states[0].nodes;
  return data.steps.map((_, s) => ({
    forward: norm(nodes[s]),
    backward: norm(nodes[s] === undefined ? null : adjoint(nodes[s])),
    last: nodes[s] ?? null,
  }));
}

let known = null;
/** The bars of all steps and the colours of the theme, drawn anew when one of them has changed: not when the window moves. */
let bars = null;

function drawBars(width, height, ratio) {
  const canvas = el("canvas", { width: width * ratio, height: height * ratio });
  const brush = canvas.getContext("2d");
  brush.scale(ratio, ratio);
  const style = getComputedStyle(document.documentElement);
  const colours = {};
  for (const name of ["forward", "backward", "faint", "veil", "line"]) colours[name] = style.getPropertyValue(`--${name}`).trim();
  known ??= sizes();
  const one = width / stepCount;
  const middle = height / 2;
  for (const part of known ? ["forward", "backward"] : []) {
    const logs = known
      .map((k) => k[part])
      .filter((x) => x > 0)
      .map(Math.log10);
    const [low, high] = [Math.min(...logs), Math.max(...logs)];
    const share = (x) => 0.12 + 0.88 * ((Math.log10(x) - low) / Math.max(1e-9, high - low));
    known.forEach((k, s) => {
      if (!(k[part] > 0)) return;
      const i = part === "forward" ? k.last : adjoint(k.last);
      brush.fillStyle = i < state.position ? colours[part] : colours.faint;
      const h = share(k[part]) * (middle - 3);
      const w = Math.min(26, Math.max(one - (one > 4 ? 2 : 0), 0.7));
      brush.fillRect(s * one + (one - w) / 2, part === "forward" ? middle - 1 - h : middle + 1, w, h);
    });
  }
  return { canvas, colours };
}

let timelineSize = { width: 0, height: 0 };

function drawTimeline() {
  const canvas = $("timeline");
  const { width, height } = timelineSize;
  const ratio = globalThis.devicePixelRatio || 1;
  if (width === 0) return;
  if (!bars) {
    bars = drawBars(width, height, ratio);
    canvas.width = width * ratio;
    canvas.height = height * ratio;
  }
  const brush = canvas.getContext("2d");
  brush.setTransform(1, 0, 0, 1, 0, 0);
  brush.clearRect(0, 0, canvas.width, canvas.height);
  brush.drawImage(bars.canvas, 0, 0);
  brush.scale(ratio, ratio);
  const [a, b] = inView();
  brush.fillStyle = bars.colours.veil;
  brush.fillRect(0, 0, a * width, height);
  brush.fillRect(b * width, 0, width - b * width, height);
  brush.strokeStyle = bars.colours.line;
  brush.strokeRect(a * width + 0.5, 0.5, Math.max(2, (b - a) * width - 1), height - 1);
}

export function startWalk() {
  findStops();
  tell();
  let waiting = false;
  const soon = () => {
    if (!waiting)
      requestAnimationFrame(() => {
        waiting = false;
        drawTimeline();
      });
    waiting = true;
  };
  const anew = () => {
    bars = null;
    soon();
  };
  onChange((what) => {
    if ("open" in what || "rolled" in what) findStops();
    if ("position" in what || "open" in what) tell();
    if ("position" in what) anew();
    else soon();
  });
  moved.push(soon);
  recomputed.push(() => {
    known = null;
    anew();
  });
  document.addEventListener("themechange", anew);
  $("play").addEventListener("click", play);
  $("forth").addEventListener("click", () => step(1));
  $("back").addEventListener("click", () => step(-1));
  $("begin").addEventListener("click", () => {
    pause();
    go(0);
  });
  $("end").addEventListener("click", () => {
    pause();
    change({ position: count });
  });
  $("scrub").addEventListener("input", (e) => {
    pause();
    go(Number(e.target.value));
  });
  const timeline = $("timeline");
  const jump = (e) => goTo(e.offsetX / timeline.clientWidth);
  timeline.addEventListener("pointerdown", (e) => {
    timeline.setPointerCapture(e.pointerId);
    jump(e);
  });
  timeline.addEventListener("pointermove", (e) => e.buttons && jump(e));
  new ResizeObserver(() => {
    timelineSize = { width: timeline.clientWidth, height: timeline.clientHeight };
    anew();
  }).observe(timeline);
}
