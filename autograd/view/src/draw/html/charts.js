// Norms as pictures.

import { column, data, isStep, name, stepNumber } from "./data.js";
import { svg } from "./dom.js";
import { number, power } from "./numbers.js";
import { heat } from "./strips.js";

/** A curve of norms over steps on a logarithmic axis; one step is marked. */
export function curvePicture(curve, here) {
  const [width, height] = [330, 110];
  const shown = curve.filter((c) => c.norm > 0);
  if (shown.length === 0) return svg("svg", { class: "curve", role: "img", "aria-label": "nothing comes through" });
  const logs = shown.map((c) => Math.log10(c.norm));
  const [low, high] = [Math.floor(Math.min(...logs, -1)), Math.ceil(Math.max(...logs, 0))];
  const steps = curve.map((c) => c.step);
  const [first, last] = [Math.min(...steps), Math.max(...steps)];
  const x = (s) => 34 + ((s - first) / Math.max(1, last - first)) * (width - 44);
  const y = (log) => 8 + ((high - log) / Math.max(1, high - low)) * (height - 26);
  const picture = svg("svg", {
    class: "curve",
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": "norm over steps, logarithmic",
  });
  const every = Math.max(1, Math.ceil((high - low) / 4));
  for (let e = high; e >= low; e -= every) {
    picture.append(
      svg("line", { class: "axis", x1: 34, x2: width - 8, y1: y(e), y2: y(e) }),
      svg("text", { x: 30, y: y(e) + 3.5, class: "left" }, power(e)),
    );
  }
  picture.append(svg("polyline", { points: shown.map((c, k) => `${x(c.step)},${y(logs[k])}`).join(" ") }));
  if (shown.length <= 80)
    shown.forEach((c, k) =>
      picture.append(
        svg(
          "circle",
          {
            cx: x(c.step),
            cy: y(logs[k]),
            r: c.step === here ? 4 : 2.2,
            class: c.step === here ? "this" : "",
          },
          svg("title", {}, `step ${data.steps[c.step]}: ${number(c.norm)}`),
        ),
      ),
    );
  picture.append(
    svg("text", { x: x(first), y: height - 4 }, `k = ${data.steps[first]}`),
    svg("text", { x: x(last) - 8, y: height - 4 }, String(data.steps[last])),
  );
  return picture;
}

/** ‖∂L/∂h‖ for all losses and all steps of a state; a click picks one. */
export function matrix({ nodes, norms }, losses, steps, here, pick) {
  const one = Math.min(24, 300 / Math.max(steps.length, norms.length));
  const logs = norms
    .flatMap((row) => Object.values(row))
    .filter((x) => x > 0)
    .map(Math.log10);
  const [low, high] = [Math.max(Math.min(...logs), Math.max(...logs) - 12), Math.max(...logs)];
  const picture = svg("svg", {
    class: "matrix",
    viewBox: `0 0 ${one * steps.length + 30} ${one * norms.length + 22}`,
    width: one * steps.length + 30,
    role: "img",
    "aria-label": "norms of all losses by all steps",
  });
  norms.forEach((row, a) =>
    steps.forEach((s, k) => {
      const x = row[s];
      const share = x > 0 ? 0.08 + 0.92 * Math.max(0, (Math.log10(x) - low) / Math.max(1e-9, high - low)) : 0;
      const isHere = a === here.loss && s === here.step;
      picture.append(
        svg(
          "rect",
          {
            x: 26 + k * one,
            y: a * one,
            width: one - 0.6,
            height: one - 0.6,
            class: isHere ? "this" : "",
            style: x > 0 ? `fill:${heat(share)}` : "fill:transparent",
            onclick: () => pick(a, s),
          },
          svg("title", {}, `‖∂${name(losses[a])}/∂${name(nodes[s])}‖ = ${number(x ?? 0)}`),
        ),
      );
    }),
  );
  const every = Math.ceil(steps.length / 10);
  steps.forEach(
    (s, k) =>
      k % every === 0 &&
      picture.append(svg("text", { x: 26 + (k + 0.5) * one, y: one * norms.length + 13 }, String(data.steps[s]))),
  );
  norms.forEach(
    (_, a) =>
      a % every === 0 &&
      isStep(column[losses[a]]) &&
      picture.append(
        svg("text", { x: 20, y: (a + 0.5) * one + 4, class: "left" }, String(stepNumber(column[losses[a]]))),
      ),
  );
  return picture;
}
