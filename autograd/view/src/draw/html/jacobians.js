// Products of the Jacobians of steps, along single ways and along all together.

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
const norm = (matrices) => Math.sqrt(matrices.flat(2).reduce((sum, x) => sum + x * x, 0));
const plus = (a, b) => a.map((m, k) => m.map((row, r) => row.map((x, c) => x + b[k][r][c])));
const identity = (n, batch) =>
  Array.from({ length: batch }, () =>
    Array.from({ length: n }, (_, r) => Array.from({ length: n }, (_, c) => (r === c ? 1 : 0))),
  );

const MOST = 48;

/** Ways from a state through the states of the steps to some of the last ones, the strongest first; beyond some dozens
 *  only those that stay strong are followed. Nothing if the Jacobians are not known. */
export function ways(lane, from, steps, to) {
  const { sizes, batch, states } = lane;
  let open = [{ through: [from], product: identity(sizes[from], batch) }];
  let complete = true;
  for (const step of steps.slice(1)) {
    const next = [];
    for (const { through, product } of open) {
      for (let k = 0; k < states.length; k++) {
        const j = block(lane, step, k, through.at(-1));
        if (!j) return null;
        const longer = j.map((m, b) => times(m, product[b]));
        if (norm(longer) > 0) next.push({ through: [...through, k], product: longer });
      }
    }
    next.sort((a, b) => norm(b.product) - norm(a.product));
    // The ways that never leave one state are always of interest.
    const pure = (w) => w.through.every((k) => k === w.through[0]);
    if (next.length > MOST) complete = false;
    open = next.filter((w, k) => k < MOST || pure(w));
  }
  const found = open.filter((w) => to.includes(w.through.at(-1))).map((w) => ({ ...w, norm: norm(w.product) }));
  return { found: found.sort((a, b) => b.norm - a.norm), complete };
}

/** ‖∂s_t/∂h_k‖ along all ways together, for the given steps k from t back, each from the one before. */
export function decay(lane, state, back, to) {
  const { sizes, batch, states } = lane;
  let rows = states.map((_, k) =>
    to.map((end) =>
      k === end
        ? identity(sizes[k], batch)
        : Array.from({ length: batch }, () => Array.from({ length: sizes[end] }, () => new Array(sizes[k]).fill(0))),
    ),
  );
  const curve = [];
  for (const step of back) {
    curve.push({ step, norm: Math.hypot(...rows[state].map(norm)) });
    if (!lane.jacobians[step]) break;
    rows = states.map((_, from) =>
      to.map((_, e) =>
        states
          .map((_, k) => {
            const j = block(lane, step, k, from);
            return rows[k][e].map((m, b) => times(m, j[b]));
          })
          .reduce(plus),
      ),
    );
  }
  return curve;
}
