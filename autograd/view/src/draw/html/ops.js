// Every op over small arrays: what a node computes from its operands, and how that changes with them.
//
// Arrays are alongRows of numbers in order, the last axis first; whole numbers and truth values are numbers too. An op is told
// once which shapes it has, and then computes as often as it is asked.

const elements = (shape) => shape.reduce((a, b) => a * b, 1);
const sameShape = (a, b) => a.length === b.length && a.every((n, k) => n === b[k]);

/** The numbers of an attribute as dumps write them: `axis=1 0..4` has axis 1, and 0 and 4. */
const axisOf = (attributes) => Number(/axis=(\d+)/.exec(attributes)?.[1] ?? 0);
const listOf = (attributes, name) => (new RegExp(`${name}=\\[([^\\]]*)\\]`).exec(attributes)?.[1] ?? "").split(",").filter((s) => s.trim()).map(Number);
const pairOf = (attributes) => /(\d+)(?:\.\.|\+)(\d+)/.exec(attributes).slice(1).map(Number);

/** For each element of a shape the element of an operand that is repeated to it; null if they are one. */
function spread(from, to) {
  if (sameShape(from, to)) return null;
  const lead = to.length - from.length;
  const strides = new Array(to.length).fill(0);
  for (let k = from.length - 1, stride = 1; k >= 0; k--) {
    strides[lead + k] = from[k] === 1 ? 0 : stride;
    stride *= from[k];
  }
  return walkThrough(to, strides, 0);
}

/** The elements that a walkThrough through a shape meets, last axis first, with steps of their own. */
function walkThrough(shape, strides, start) {
  const n = elements(shape);
  const places = new Int32Array(n);
  const at = new Array(shape.length).fill(0);
  for (let i = 0, place = start; i < n; i++) {
    places[i] = place;
    for (let k = shape.length - 1; k >= 0; k--) {
      place += strides[k];
      if (++at[k] < shape[k]) break;
      place -= strides[k] * shape[k];
      at[k] = 0;
    }
  }
  return places;
}

/** A shape as outer, axis and inner. */
function aroundAxis(shape, axis) {
  return [elements(shape.slice(0, axis)), shape[axis] ?? 1, elements(shape.slice(axis + 1))];
}

const sigmoid = (x) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));

/**
 * The error function: 2/√π Σ (−1)ⁿ x²ⁿ⁺¹ / (n! (2n + 1)) near 0 (Abramowitz & Stegun 7.1.5); elsewhere 1 − erfc x, with the
 * continued fraction of erfc (7.1.14).
 */
function erf(x) {
  const size = Math.abs(x);
  if (!(size < 6)) return Number.isNaN(x) ? x : Math.sign(x);
  if (size < 2.5) {
    let [term, sum] = [x, x];
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n += 1) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = size;
  for (let n = 120; n > 0; n -= 1) fraction = size + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction));
}

/** Functions of one number, with their derivatives by x and y. */
const UNARY = {
  neg: [(x) => -x, () => -1],
  exp: [Math.exp, (x, y) => y],
  ln: [Math.log, (x) => 1 / x],
  sqrt: [Math.sqrt, (x, y) => 0.5 / y],
  tanh: [Math.tanh, (x, y) => 1 - y * y],
  sigmoid: [sigmoid, (x, y) => y * (1 - y)],
  relu: [(x) => (x <= 0 ? 0 : x), (x) => (x > 0 ? 1 : 0)],
  softplus: [(x) => (x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x))), sigmoid],
  abs: [Math.abs, Math.sign],
  sin: [Math.sin, Math.cos],
  cos: [Math.cos, (x) => -Math.sin(x)],
  tan: [Math.tan, (x, y) => 1 + y * y],
  atan: [Math.atan, (x) => 1 / (1 + x * x)],
  sinh: [Math.sinh, Math.cosh],
  cosh: [Math.cosh, Math.sinh],
  log1p: [Math.log1p, (x) => 1 / (1 + x)],
  expm1: [Math.expm1, (x, y) => 1 + y],
  erf: [erf, (x) => (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x)],
  reciprocal: [(x) => 1 / x, (x, y) => -y * y],
  stop_gradient: [(x) => x, () => 0],
};

/** Functions of two numbers, with their derivatives by both. */
const BINARY = {
  sub: [(a, b) => a - b, () => 1, () => -1],
  mul: [(a, b) => a * b, (a, b) => b, (a) => a],
  div: [(a, b) => a / b, (a, b) => 1 / b, (a, b) => -a / (b * b)],
  modulo: [(a, b) => a - b * Math.floor(a / b), () => 1, (a, b) => -Math.floor(a / b)],
  max: [Math.max, (a, b) => (a > b ? 1 : a === b ? 0.5 : 0), (a, b) => (b > a ? 1 : a === b ? 0.5 : 0)],
  min: [Math.min, (a, b) => (a < b ? 1 : a === b ? 0.5 : 0), (a, b) => (b < a ? 1 : a === b ? 0.5 : 0)],
};
const COMPARE = {
  less: (a, b) => a < b,
  less_equal: (a, b) => a <= b,
  equal: (a, b) => a === b,
  greater: (a, b) => a > b,
  greater_equal: (a, b) => a >= b,
  not_equal: (a, b) => a !== b,
};

/** Copies places of the first operand; what is not copied stays zero. */
const copying = (places, to = null) => (xs, y) => {
  const x = xs[0];
  if (to) {
    y.fill(0);
    for (let i = 0; i < to.length; i++) y[to[i]] = x[i];
  }
  else for (let i = 0; i < y.length; i++) y[i] = x[places[i]];
};

const plainCopy = (xs, y) => y.set(xs[0]);

/** Sums of runs: the result of each element of the operand. */
function reducing(from, axes) {
  const kept = from.map((n, k) => (axes.includes(k) ? 1 : n));
  return spread(kept, from) ?? Int32Array.from({ length: elements(from) }, (_, i) => i);
}

/** The tables of all ops: from attributes and shapes to what computes. Linear ops say so: their derivative is themselves. */
const OPS = {
  add: (_, from, to) => {
    const maps = from.map((shape) => spread(shape, to));
    return linearOp((xs, y) => {
      y.fill(0);
      xs.forEach((x, k) => {
        const map = maps[k];
        if (map) for (let i = 0; i < y.length; i++) y[i] += x[map[i]];
        else for (let i = 0; i < y.length; i++) y[i] += x[i];
      });
    });
  },
  powi: (attributes) => {
    const n = Number(/n=(-?\d+)/.exec(attributes)[1]);
    return pointwise(
      (x) => x ** n,
      (x) => (n === 0 ? 0 : n * x ** (n - 1)),
    );
  },
  select: (_, from, to) => {
    const [c, a, b] = from.map((shape) => spread(shape, to));
    const run = (xs, y) => {
      for (let i = 0; i < y.length; i++) y[i] = xs[0][c ? c[i] : i] ? xs[1][a ? a[i] : i] : xs[2][b ? b[i] : i];
    };
    return { run, tangent: (xs, dxs, _, dy) => run([xs[0], dxs[1], dxs[2]], dy) };
  },
  matmul: (attributes, from, to) => matrixProduct(attributes.includes("aᵀ"), attributes.includes("bᵀ"), from, to),
  sum: (attributes, from) => {
    const place = reducing(from[0], listOf(attributes, "axes"));
    return linearOp(([x], y) => {
      y.fill(0);
      for (let i = 0; i < x.length; i++) y[place[i]] += x[i];
    });
  },
  mean: (attributes, from, to) => {
    const place = reducing(from[0], listOf(attributes, "axes"));
    const share = elements(to) / elements(from[0]);
    return linearOp(([x], y) => {
      y.fill(0);
      for (let i = 0; i < x.length; i++) y[place[i]] += x[i];
      for (let i = 0; i < y.length; i++) y[i] *= share;
    });
  },
  reduce_max: (attributes, from) => {
    const place = reducing(from[0], listOf(attributes, "axes"));
    return {
      run: ([x], y) => {
        y.fill(-Infinity);
        for (let i = 0; i < x.length; i++) y[place[i]] = Math.max(y[place[i]], x[i]);
      },
      // Elements that share the largest value share its derivative.
      tangent: ([x], [dx], y, dy) => {
        const among = new Float64Array(y.length);
        dy.fill(0);
        for (let i = 0; i < x.length; i++) {
          if (x[i] !== y[place[i]]) continue;
          among[place[i]]++;
          dy[place[i]] += dx[i];
        }
        for (let i = 0; i < dy.length; i++) dy[i] /= among[i] || 1;
      },
    };
  },
  logsumexp: (attributes, from) => alongRows(axisOf(attributes), from[0], true, (row, total) => row.map((x) => [total, Math.exp(x - total)])),
  softmax: (attributes, from) => alongRows(axisOf(attributes), from[0], false, (row, total) => row.map((x) => [Math.exp(x - total), Math.exp(x - total)]), "softmax"),
  log_softmax: (attributes, from) => alongRows(axisOf(attributes), from[0], false, (row, total) => row.map((x) => [x - total, Math.exp(x - total)]), "log"),
  broadcast: (_, from, to) => {
    const map = spread(from[0], to);
    return linearOp(map ? copying(map) : plainCopy);
  },
  reshape: () => linearOp(plainCopy),
  transpose: (attributes, from, to) => {
    const order = listOf(attributes, "order");
    const strides = from[0].map((_, k) => elements(from[0].slice(k + 1)));
    return linearOp(copying(walkThrough(to, order.map((k) => strides[k]), 0)));
  },
  slice: (attributes, from, to) => {
    const strides = from[0].map((_, k) => elements(from[0].slice(k + 1)));
    return linearOp(copying(walkThrough(to, strides, pairOf(attributes.replace(/axis=\d+/, ""))[0] * strides[axisOf(attributes)])));
  },
  at: (attributes, from, to) => {
    const axis = axisOf(attributes);
    const strides = from[0].map((_, k) => elements(from[0].slice(k + 1)));
    const place = Number(/axis=\d+ (\d+)/.exec(attributes)[1]);
    return linearOp(copying(walkThrough(to, strides.filter((_, k) => k !== axis), place * strides[axis])));
  },
  pad: (attributes, from, to) => {
    const strides = to.map((_, k) => elements(to.slice(k + 1)));
    const before = pairOf(attributes.replace(/axis=\d+/, ""))[0];
    return linearOp(copying(null, walkThrough(from[0], strides, before * strides[axisOf(attributes)])));
  },
  concat: (attributes, from, to) => joining(axisOf(attributes), from.map((shape) => shape[axisOf(attributes)]), to),
  stack: (attributes, from, to) => joining(axisOf(attributes), from.map(() => 1), to),
  gather: (_, from) => {
    const row = elements(from[0].slice(1));
    return firstLinear(([x, at], y) => {
      for (let i = 0; i < at.length; i++) y.set(x.subarray(at[i] * row, (at[i] + 1) * row), i * row);
    });
  },
  scatter_add: (_, from) => {
    const row = elements(from[0].slice(from[1].length));
    return firstLinear(([x, at], y) => {
      y.fill(0);
      for (let i = 0; i < at.length; i++) for (let k = 0; k < row; k++) y[at[i] * row + k] += x[i * row + k];
    });
  },
  one_hot: (_, from, to) => {
    const classes = to.at(-1);
    return constantOp(([at], y) => {
      y.fill(0);
      for (let i = 0; i < at.length; i++) y[i * classes + at[i]] = 1;
    });
  },
  dropout_mask: (attributes) => {
    const [rate, stream] = ["rate", "stream"].map((name) => new RegExp(`${name}=(\\S+)`).exec(attributes)[1]);
    return constantOp(([seed], y) => {
      const key = mix(mix(BigInt(seed[0])) ^ BigInt(stream));
      for (let i = 0; i < y.length; i++) {
        const unit = Number(mix(key ^ mix(BigInt(i + 1))) >> 11n) * 2 ** -53;
        y[i] = unit < Number(rate) ? 0 : 1 / (1 - Number(rate));
      }
    });
  },
};
for (const [name, [f, slope]] of Object.entries(UNARY)) OPS[name] = () => pointwise(f, slope);
for (const [name, [f, byA, byB]] of Object.entries(BINARY)) OPS[name] = (_, from, to) => pairwise(f, byA, byB, from, to);
for (const [name, f] of Object.entries(COMPARE)) OPS[name] = (_, from, to) => constantOp(pairwise(f, null, null, from, to).run);

/** The finaliser of SplitMix64. */
function mix(z) {
  const whole = (n) => BigInt.asUintN(64, n);
  z = whole(z + 0x9e3779b97f4a7c15n);
  z = whole((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = whole((z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
}

function linearOp(run) {
  return { run, tangent: (_, dxs, __, dy) => run(dxs, dy) };
}

function firstLinear(run) {
  return { run, tangent: ([, at], [dx], _, dy) => run([dx, at], dy) };
}

function constantOp(run) {
  return { run, tangent: (_, __, ___, dy) => dy.fill(0) };
}

function pointwise(f, slope) {
  return {
    run: ([x], y) => {
      for (let i = 0; i < y.length; i++) y[i] = f(x[i]);
    },
    tangent: ([x], [dx], y, dy) => {
      for (let i = 0; i < dy.length; i++) dy[i] = slope(x[i], y[i]) * dx[i];
    },
  };
}

function pairwise(f, byA, byB, from, to) {
  const [a, b] = from.map((shape) => spread(shape, to));
  return {
    run: ([x, z], y) => {
      for (let i = 0; i < y.length; i++) y[i] = Number(f(x[a ? a[i] : i], z[b ? b[i] : i]));
    },
    tangent: ([x, z], [dx, dz], _, dy) => {
      for (let i = 0; i < dy.length; i++) {
        const [j, k] = [a ? a[i] : i, b ? b[i] : i];
        dy[i] = byA(x[j], z[k]) * dx[j] + byB(x[j], z[k]) * dz[k];
      }
    },
  };
}

function joining(axis, sizes, to) {
  const [outer, whole, inner] = aroundAxis(to, axis);
  return linearOp((xs, y) => {
    let start = 0;
    xs.forEach((x, k) => {
      const run = sizes[k] * inner;
      for (let o = 0; o < outer; o++) y.set(x.subarray(o * run, (o + 1) * run), o * whole * inner + start);
      start += run;
    });
  });
}

/** What looks at alongRows along an axis: `of` gives values and weights of a softmax; `goes` if the axis goes. */
function alongRows(axis, shape, goes, of, kind = "total") {
  const [outer, n, inner] = aroundAxis(shape, axis);
  const each = (act) => {
    for (let o = 0; o < outer; o++) for (let k = 0; k < inner; k++) act((i) => (o * n + i) * inner + k, o * inner + k);
  };
  const told = (x, at) => {
    const row = Array.from({ length: n }, (_, i) => x[at(i)]);
    const top = Math.max(...row);
    const total = Number.isFinite(top) ? top + Math.log(row.reduce((sum, v) => sum + Math.exp(v - top), 0)) : top;
    return of(row, total);
  };
  return {
    run: ([x], y) =>
      each((at, place) => {
        const found = told(x, at);
        if (goes) y[place] = n ? found[0][0] : -Infinity;
        else found.forEach(([value], i) => (y[at(i)] = value));
      }),
    tangent: ([x], [dx], _, dy) =>
      each((at, place) => {
        const found = told(x, at);
        const mean = found.reduce((sum, [, weight], i) => sum + weight * dx[at(i)], 0);
        if (goes) dy[place] = mean;
        else found.forEach(([, weight], i) => (dy[at(i)] = (kind === "softmax" ? weight : 1) * (dx[at(i)] - mean)));
      }),
  };
}

function matrixProduct(ta, tb, [a, b], to) {
  const [m, n] = to.slice(-2);
  const k = ta ? a.at(-2) : a.at(-1);
  const lead = to.slice(0, -2);
  const stacks = [a, b].map((shape) => spread(shape.slice(0, -2), lead) ?? null);
  const product = (x, z, y, add) => {
    for (let s = 0; s < elements(lead); s++) {
      const [x0, z0] = [stacks[0] ? stacks[0][s] : s, stacks[1] ? stacks[1][s] : s];
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = 0;
          for (let p = 0; p < k; p++)
            sum += x[x0 * m * k + (ta ? p * m + i : i * k + p)] * z[z0 * k * n + (tb ? j * k + p : p * n + j)];
          const place = (s * m + i) * n + j;
          y[place] = add ? y[place] + sum : sum;
        }
      }
    }
  };
  return {
    run: ([x, z], y) => product(x, z, y, false),
    tangent: ([x, z], [dx, dz], _, dy) => {
      product(dx, z, dy, false);
      product(x, dz, dy, true);
    },
  };
}

/** What computes an op of these shapes, or null if the op is not known here: `run(xs, y)` fills y, and
 *  `tangent(xs, dxs, y, dy)` fills dy with the derivative of y along dxs. */
export function operation(op, attributes, from, to) {
  return OPS[op]?.(attributes, from, to) ?? null;
}

export const knownOps = () => Object.keys(OPS);
