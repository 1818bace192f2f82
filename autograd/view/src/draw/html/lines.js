// Paths of lines.

const fixed = (x) => Math.round(x * 10) / 10;
const at = ([x, y]) => `${fixed(x)},${fixed(y)}`;

/** Points without those that stand where the one before them stands: an arrowhead needs a last piece with a direction. */
const apart = (points) =>
  points.filter(([x, y], k) => k === 0 || Math.hypot(x - points[k - 1][0], y - points[k - 1][1]) > 0.1);

/** Curves that leave and arrive upright. */
export function curve(given) {
  const points = apart(given);
  let path = `M${at(points[0])}`;
  for (let k = 1; k < points.length; k++) {
    const [[x0, y0], [x1, y1]] = [points[k - 1], points[k]];
    const y = (y0 + y1) / 2;
    path += Math.abs(x0 - x1) < 0.05 ? `L${at([x1, y1])}` : `C${at([x0, y])} ${at([x1, y])} ${at([x1, y1])}`;
  }
  return path;
}

/** Upright and level pieces with round corners. */
export function corners(points) {
  const sharp = apart(points);
  let path = `M${at(sharp[0])}`;
  for (let k = 1; k + 1 < sharp.length; k++) {
    const [a, b, c] = [sharp[k - 1], sharp[k], sharp[k + 1]];
    const toward = (p) => {
      const length = Math.hypot(p[0] - b[0], p[1] - b[1]);
      const r = Math.min(length / 2, 6) / length;
      return [b[0] + (p[0] - b[0]) * r, b[1] + (p[1] - b[1]) * r];
    };
    path += `L${at(toward(a))}Q${at(b)} ${at(toward(c))}`;
  }
  return `${path}L${at(sharp.at(-1))}`;
}

/** Level at both ends. */
export function sway([x0, y0], [x1, y1]) {
  if (Math.abs(y0 - y1) < 0.05) return `M${at([x0, y0])}L${at([x1, y1])}`;
  const x = (x0 + x1) / 2;
  return `M${at([x0, y0])}C${at([x, y0])} ${at([x, y1])} ${at([x1, y1])}`;
}

/** One bow. */
export const bow = ([a, b, c]) => `M${at(a)}Q${at(b)} ${at(c)}`;
