// What comes through the Jacobians between a loss and a state: all singular values of their product, the eigenvalues of one
// step, and how the gradient lies beside the direction that comes back best.

import { data } from "./data.js";
import { curvesPicture } from "./charts.js";
import { el, svg } from "./dom.js";
import { eigenvalues, gradedProduct } from "./eigen.js";
import { ofLog } from "./numbers.js";

/** The most products whose singular values are computed. */
const MOST_PRODUCTS = 100;

/** For steps from the loss's own back: the number of Jacobians, log₁₀ of the singular values of their product, and the angle in
 *  degrees between the gradient and the direction that comes back best. Of several sequences the first. Nothing if it is not known. */
export function spectra(lane, loss) {
  const n = lane.sizes.reduce((a, b) => a + b, 0);
  const by = lane.reverse ? 1 : -1;
  const way = [];
  for (let s = lane.lossSteps[loss]; lane.jacobians[s]; s += by) way.push(s);
  if (n === 0 || way.length === 0) return null;
  const product = gradedProduct(n);
  let g = lane.direct[loss] ? Array.from(lane.direct[loss]) : null;
  const every = Math.ceil(way.length / MOST_PRODUCTS);
  const found = [];
  way.forEach((s, k) => {
    const j = lane.jacobians[s].slice(0, n * n);
    product.push(j);
    if (g) {
      const next = Array.from({ length: n }, (_, c) => g.reduce((sum, x, r) => sum + x * j[r * n + c], 0));
      const top = Math.max(...next.map(Math.abs));
      g = top > 0 ? next.map((x) => x / top) : next;
    }
    const lag = k + 1;
    if (lag % every !== 0 && lag !== 1 && lag !== way.length) return;
    const { logs, leading } = product.values();
    // Where two values are equal up to rounding, no direction is the best.
    const leads = n === 1 || 1 - 10 ** (logs[1] - logs[0]) > 100 * n * lag * Number.EPSILON;
    found.push({ step: s + by, lag, logs, angle: g && logs[0] > -Infinity && leads ? angleBetween(g, leading) : null });
  });
  return found;
}

function angleBetween(g, unit) {
  const along = g.reduce((sum, x, k) => sum + x * unit[k], 0);
  const across = Math.hypot(...g.map((x, k) => x - along * unit[k]));
  return along === 0 && across === 0 ? null : (Math.atan2(across, Math.abs(along)) * 180) / Math.PI;
}

/** The eigenvalues in the complex plane, with the circle of radius 1. */
function planePicture(values) {
  const [size, middle] = [200, 100];
  const reach = Math.max(1.1, ...values.map(([x, y]) => 1.1 * Math.hypot(x, y)));
  const unit = (middle - 14) / reach;
  return svg(
    "svg",
    { class: "plane", viewBox: `0 0 ${size} ${size}`, width: size, role: "img", "aria-label": "eigenvalues in the complex plane, and the circle of radius 1" },
    svg("line", { class: "axis", x1: 4, x2: size - 4, y1: middle, y2: middle }),
    svg("line", { class: "axis", y1: 4, y2: size - 4, x1: middle, x2: middle }),
    svg("circle", { class: "unit", cx: middle, cy: middle, r: unit }),
    svg("text", { x: middle + unit + 2, y: middle - 4, class: "left-end" }, "1"),
    ...values.map(([x, y]) =>
      svg("circle", { class: "value", cx: middle + unit * x, cy: middle - unit * y, r: 3.2 }, svg("title", {}, `${x.toPrecision(4)} ${y < 0 ? "−" : "+"} ${Math.abs(y).toPrecision(4)} i, size ${Math.hypot(x, y).toPrecision(4)}`)),
    ),
  );
}

/** The part of the panel on paths. */
export function spectrumPart(lane, loss, step, joint) {
  const found = spectra(lane, loss);
  const here = found?.find((p) => p.step === step) ?? found?.findLast((p) => (lane.reverse ? p.step <= step : p.step >= step));
  if (!found || !here) return [];
  const n = here.logs.length;
  const shown = n <= 8 ? [...here.logs.keys()] : Array.from({ length: 8 }, (_, i) => Math.round((i * (n - 1)) / 7));
  const next = lane.reverse ? step - 1 : step + 1;
  const values = lane.jacobians[next] ? eigenvalues(lane.jacobians[next].slice(0, n * n), n) : [];
  const [t, k] = [data.steps[lane.lossSteps[loss]], data.steps[here.step]];
  const state = (at) => `${joint}[${at}]`;
  const head = [
    el("h3", {}, `What comes through: singular values of ∂${state(t)}/∂${state("k")}`),
    curvesPicture(
      shown.map((i) => found.map((p) => ({ step: p.step, log: p.logs[i] }))),
      here.step,
      shown.map((i) => `σ${i + 1}`),
    ),
    el("p", { class: "note", id: "spectrum-told", "data-logs": here.logs.join(" "), "data-angle": here.angle ?? "" }, `k = ${k}: ${shown.map((i) => ofLog(here.logs[i])).join(", ")}${shown.length < n ? ` (${shown.length} of ${n})` : ""}.`),
    here.angle === null ? null : el("p", { class: "note" }, `The gradient stands at ${here.angle.toFixed(1)}° to the direction that comes back best.`),
  ];
  if (values.length === 0) return head.filter(Boolean);
  return [
    ...head,
    el("h3", {}, `Eigenvalues of ∂${state(data.steps[next])}/∂${state(data.steps[step])}`),
    planePicture(values),
    el("p", { class: "note" }, `The largest has size ${Math.hypot(...values[0]).toPrecision(3)}. Inside the circle a step shrinks what it turns, outside it grows.`),
  ].filter(Boolean);
}
