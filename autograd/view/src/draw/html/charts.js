// Norms as pictures.

import { FIRST, column, data, isStep, name } from "./data.js";
import { el, svg } from "./dom.js";
import { ofLog, power } from "./numbers.js";

/** A curve of norms over steps on a logarithmic axis; one step is marked. */
export function curvePicture(curve, here) {
  const [width, height] = [330, 110];
  const shown = curve.filter((c) => c.log > -Infinity);
  if (shown.length === 0) return svg("svg", { class: "curve", role: "img", "aria-label": "nothing comes through" });
  const logs = shown.map((c) => c.log);
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
          svg("title", {}, `step ${data.steps[c.step]}: ${ofLog(c.log)}`),
        ),
      ),
    );
  picture.append(
    svg("text", { x: x(first), y: height - 4 }, `k = ${data.steps[first]}`),
    svg("text", { x: x(last) - 8, y: height - 4 }, String(data.steps[last])),
  );
  return picture;
}

const isDark = () => getComputedStyle(document.documentElement).colorScheme === "dark";

/** Several curves over steps on one logarithmic axis, each with a name at its end; one step is marked. */
export function curvesPicture(curves, here, names) {
  const [width, height, left, right] = [330, 150, 40, 26];
  const known = curves.flat().filter((c) => c.log > -Infinity);
  const picture = svg("svg", { class: "curve", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${names.join(", ")} over steps, logarithmic` });
  if (known.length === 0) return picture;
  const logs = known.map((c) => c.log);
  const [low, high] = [Math.floor(Math.min(...logs, -1)), Math.ceil(Math.max(...logs, 0))];
  const steps = curves[0].map((c) => c.step);
  const [first, last] = [Math.min(...steps), Math.max(...steps)];
  const x = (s) => left + ((s - first) / Math.max(1, last - first)) * (width - left - right);
  const y = (log) => 8 + ((high - log) / Math.max(1, high - low)) * (height - 26);
  const every = Math.max(1, Math.ceil((high - low) / 4));
  for (let e = high; e >= low; e -= every)
    picture.append(
      svg("line", { class: "axis", x1: left, x2: width - right, y1: y(e), y2: y(e) }),
      svg("text", { x: left - 4, y: y(e) + 3.5, class: "left" }, power(e)),
    );
  picture.append(svg("line", { class: "here", x1: x(here), x2: x(here), y1: 4, y2: height - 16 }));
  curves.forEach((curve, i) => {
    const shown = curve.filter((c) => c.log > -Infinity);
    const share = curves.length > 1 ? (0.85 * i) / (curves.length - 1) : 0.3;
    // The largest stands out most, on light paper and on dark.
    const ink = colour(isDark() ? 1 - 0.8 * share : share);
    picture.append(svg("polyline", { points: shown.map((c) => `${x(c.step)},${y(c.log)}`).join(" "), style: `stroke:${ink}` }, svg("title", {}, names[i])));
    if (shown.length === 1) picture.append(svg("circle", { cx: x(shown[0].step), cy: y(shown[0].log), r: 2.5, style: `fill:${ink}` }));
  });
  picture.append(
    svg("text", { x: x(first), y: height - 4 }, `k = ${data.steps[first]}`),
    svg("text", { x: x(last) - 8, y: height - 4 }, String(data.steps[last])),
  );
  return picture;
}

/** Which of some numbers stand at an axis whose places are so far apart: round ones, at least so many pixels from each other. */
export function ticks(numbers, apart, least) {
  let every = 1;
  for (let k = 0; every * apart < least; k++) every *= [2, 2.5, 2][k % 3];
  return numbers.map((_, k) => k).filter((k) => every === 1 || typeof numbers[k] !== "number" || numbers[k] % every === 0);
}

/** log₁₀ ‖∂L[t]/∂s[k]‖ for all losses and steps as one picture with a bar of colours; a click picks a pair. `rows` has for each
 *  loss its logarithms by step. */
export function matrix(rows, losses, steps, here, pick) {
  const [left, top0] = [26, 16];
  const width = 300 - left;
  const n = Math.max(steps.length, rows.length);
  const group = Math.max(1, Math.ceil(n / width));
  const one = Math.min(24, width / Math.ceil(n / group));
  const place = new Map(steps.map((s, k) => [s, Math.floor(k / group)]));
  const [high, wide] = [Math.ceil(rows.length / group), Math.ceil(steps.length / group)];
  // Of a group of cells the largest is shown.
  const cells = Array.from({ length: high }, () => new Array(wide).fill(null));
  let [low, top] = [Infinity, -Infinity];
  rows.forEach((row, a) =>
    row?.forEach(({ step, log }) => {
      const line = cells[Math.floor(a / group)];
      const k = place.get(step);
      if (k === undefined) return;
      line[k] = Math.max(line[k] ?? -Infinity, log);
      if (log > -Infinity) [low, top] = [Math.min(low, log), Math.max(top, log)];
    }),
  );
  const canvas = el("canvas", { class: "matrix", width: (one * wide + left) * 2, height: (one * high + top0) * 2, role: "img", "aria-label": "norms of all losses by all steps", tabindex: 0 });
  canvas.style.width = `${one * wide + left}px`;
  canvas.style.height = `${one * high + top0}px`;
  const brush = canvas.getContext("2d");
  brush.scale(2, 2);
  brush.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--soft").trim();
  brush.font = "10px system-ui, sans-serif";
  const firsts = (all) => all.filter((_, k) => k % group === 0);
  const [columns, lines] = [firsts(steps.map((s) => data.steps[s])), firsts(losses.map((i) => (isStep(column[i]) ? data.steps[column[i] - FIRST] : "end")))];
  brush.textAlign = "center";
  for (const k of ticks(columns, one, 22)) brush.fillText(columns[k], left + (k + 0.5) * one, top0 - 5);
  brush.textAlign = "right";
  for (const k of ticks(lines, one, 12)) brush.fillText(lines[k], left - 4, top0 + (k + 0.5) * one + 3.5);
  brush.fillText("t \\ k", left - 4, top0 - 5);
  brush.translate(left, top0);
  const share = (log) => (top > low ? (log - low) / (top - low) : 1);
  cells.forEach((line, a) =>
    line.forEach((log, k) => {
      if (log === null) return;
      brush.fillStyle = log === -Infinity ? "#b9bec6" : colour(share(log));
      brush.fillRect(k * one, a * one, one - (one > 4 ? 0.6 : 0), one - (one > 4 ? 0.6 : 0));
    }),
  );
  const [a, k] = [Math.floor(here.loss / group), place.get(here.step)];
  brush.strokeStyle = "#e5007d";
  brush.lineWidth = 1.6;
  if (k !== undefined) brush.strokeRect(k * one, a * one, one, one);
  const at = (e) => {
    const within = (at, n) => Math.max(0, Math.min(n - 1, Math.floor(at / one) * group));
    const loss = within(e.offsetY - top0, rows.length);
    const step = steps[within(e.offsetX - left, steps.length)];
    return { loss, step, found: rows[loss]?.find((c) => c.step === step) };
  };
  canvas.addEventListener("pointermove", (e) => {
    const { loss, step, found } = at(e);
    canvas.title = `‖∂${name(losses[loss])}/∂s[${data.steps[step]}]‖ = ${found ? ofLog(found.log) : "–"}`;
  });
  canvas.addEventListener("click", (e) => {
    const { loss, step } = at(e);
    if (step !== undefined) pick(loss, step);
  });
  const bar = svg("svg", { class: "colours", viewBox: "0 0 300 30", width: 330, role: "img", "aria-label": "colours" });
  for (let i = 0; i < 60; i++) bar.append(svg("rect", { x: 30 + i * 4, y: 2, width: 4.3, height: 9, style: `fill:${colour(i / 59)}` }));
  if (top > -Infinity)
    for (const part of [0, 0.5, 1]) bar.append(svg("text", { x: 30 + part * 240, y: 24 }, ofLog(low + part * (top - low))));
  return el("div", { class: "matrix-box" }, canvas, bar);
}

/** Viridis, from dark violet to yellow. */
export const VIRIDIS = [[68, 1, 84], [72, 40, 120], [62, 73, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [110, 206, 88], [181, 222, 43], [253, 231, 37]];
export function colour(share) {
  const at = Math.max(0, Math.min(1, share)) * 9;
  const left = Math.min(8, Math.floor(at));
  const [a, b] = [VIRIDIS[left], VIRIDIS[left + 1]];
  return `rgb(${a.map((x, i) => Math.round(x + (at - left) * (b[i] - x)))})`;
}
