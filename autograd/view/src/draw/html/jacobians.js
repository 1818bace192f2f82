// Products of the Jacobians of steps, along single ways and along all together.
//
// Norms are told by their logarithms to base 10, and products are scaled at every step: over a thousand steps a gradient
// is smaller than any number.

/** The block of a step's Jacobian from one state to another, for each sequence, as rows. */
function block({ jacobians, sizes, batch }, step, to, from) {
  const all = jacobians[step];
  if (!all) return null;
  const width = sizes.reduce((a, b) => a + b, 0);
  const start = (k) => sizes.slice(0, k).reduce((a, b) => a + b, 0);
  return Array.from({ length: batch }, (_, b) =>
    Array.from({ length: sizes[to] }, (_, r) =>
      Array.from({ length: sizes[from] }, (_, c) => all[(b * width + start(to) + r) * width + start(from) + c]),
    ),
  );
}

const times = (a, b) => a.map((row) => b[0].map((_, c) => row.reduce((sum, x, k) => sum + x * b[k][c], 0)));
const plus = (a, b) => a.map((m, k) => m.map((row, r) => row.map((x, c) => x + b[k][r][c])));
const largestSize = (x) => x.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
/** log₁₀ ‖x‖, and −∞ of zeros. */
export function logNorm(x) {
  const top = largestSize(x);
  return top > 0 ? Math.log10(top) + Math.log10(x.reduce((sum, v) => sum + (v / top) ** 2, 0)) / 2 : -Infinity;
}
const norm = ({ matrices, log }) => log + logNorm(matrices.flat(2));
/** The same matrices, with what is common to them taken out. */
function scaled(matrices, log) {
  const top = largestSize(matrices.flat(2));
  if (!(top > 0) || !Number.isFinite(top)) return { matrices, log };
  return { matrices: matrices.map((m) => m.map((row) => row.map((x) => x / top))), log: log + Math.log10(top) };
}
const identity = (n, batch) =>
  Array.from({ length: batch }, () =>
    Array.from({ length: n }, (_, r) => Array.from({ length: n }, (_, c) => (r === c ? 1 : 0))),
  );

const MOST = 48;

/** Ways from states through the states of the steps to some of the last ones, the strongest first; beyond some dozens
 *  only those that stay strong are followed. Nothing if the Jacobians are not known. */
export function ways(lane, from, steps, to) {
  const { sizes, batch, states } = lane;
  let open = from.map((k) => ({ through: [k], matrices: identity(sizes[k], batch), log: 0 }));
  let complete = true;
  for (const step of steps.slice(1)) {
    const next = [];
    for (const { through, matrices, log } of open) {
      for (let k = 0; k < states.length; k++) {
        const j = block(lane, step, k, through.at(-1));
        if (!j) return null;
        const longer = scaled(
          j.map((m, b) => times(m, matrices[b])),
          log,
        );
        if (norm(longer) > -Infinity) next.push({ through: [...through, k], ...longer });
      }
    }
    next.sort((a, b) => norm(b) - norm(a));
    // The ways that never leave one state are always of interest.
    const pure = (w) => w.through.every((k) => k === w.through[0]);
    if (next.length > MOST) complete = false;
    open = next.filter((w, k) => k < MOST || pure(w));
  }
  const found = open.filter((w) => to.includes(w.through.at(-1))).map((w) => ({ ...w, norm: norm(w) }));
  return { found: found.sort((a, b) => b.norm - a.norm), complete };
}

/** log₁₀ ‖∂L/∂s[k]‖ of a loss, with all states of a step as ports: for each step from the loss's own owed, together and for each
 *  state. Nothing if it is not known. */
export function owed(lane, loss) {
  const own = lane.direct[loss];
  if (!own) return null;
  const width = own.length;
  const starts = lane.sizes.map((_, k) => lane.sizes.slice(0, k).reduce((a, b) => a + b, 0));
  let v = Float64Array.from(own);
  let log = 0;
  const found = [];
  for (let s = lane.lossSteps[loss]; ; s += lane.reverse ? 1 : -1) {
    const top = largestSize(v);
    if (top > 0 && Number.isFinite(top)) {
      v = v.map((x) => x / top);
      log += Math.log10(top);
    }
    found.push({
      step: s,
      log: log + logNorm(v),
      parts: lane.sizes.map((n, k) => log + logNorm(v.subarray(starts[k], starts[k] + n))),
    });
    const j = lane.jacobians[s];
    if (!j) return found;
    const next = new Float64Array(width);
    for (let r = 0; r < width; r++) if (v[r] !== 0) for (let c = 0; c < width; c++) next[c] += v[r] * j[r * width + c];
    v = next;
  }
}
