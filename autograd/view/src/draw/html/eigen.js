// Singular values and eigenvalues of small matrices, and of long products of them. Matrices are arrays of rows.

const dot = (a, b) => a.reduce((sum, x, k) => sum + x * b[k], 0);
const identityRows = (n) => Array.from({ length: n }, (_, r) => Array.from({ length: n }, (_, c) => (r === c ? 1 : 0)));
const largestOf = (row) => row.reduce((m, x) => Math.max(m, Math.abs(x)), 0);

/** A row times 2 to a power: what is common is taken out of the numbers. */
function gradedRow(numbers, power) {
  const size = largestOf(numbers);
  if (!(size > 0) || !Number.isFinite(size)) return { numbers, power: 0, zero: !(size > 0) };
  const e = Math.floor(Math.log2(size));
  return { numbers: numbers.map((x) => x / 2 ** e), power: power + e, zero: false };
}

/** The product J[k+1]ᵀ ⋯ J[t]ᵀ as Q·R, going back one step after another; the rows of R differ in size by more than a number
 *  holds, so each has a power of two of its own (Benettin et al. 1980). What one step damps below its rounding is lost: 0. */
export function gradedProduct(n) {
  let q = identityRows(n); // columns, as rows
  let rows = identityRows(n).map((row) => gradedRow(row, 0));
  return {
    /** Takes one Jacobian further back, given as a flat array by rows. */
    push(j) {
      const propagated = (column, of = (x) => x) => Array.from({ length: n }, (_, c) => column.reduce((sum, x, r) => sum + of(j[r * n + c] * x), 0));
      const [made, live, dependent] = [[], [], []];
      q.forEach((before, c) => {
        let column = propagated(before);
        // The rounding of these sums.
        const least = n * Number.EPSILON * Math.hypot(...propagated(before, Math.abs));
        const parts = new Array(n).fill(0);
        // Twice is enough (Parlett 1980).
        for (let again = 0; again < 2; again++)
          for (let i = 0; i < made.length; i++) {
            const along = dot(made[i], column);
            parts[i] += along;
            column = column.map((x, k) => x - along * made[i][k]);
          }
        const length = Math.hypot(...column);
        if (length > least && length > 1e-290) {
          parts[made.length] = length;
          made.push(column.map((x) => x / length));
          live.push([parts, rows[c]]);
        } else dependent.push([parts, rows[c]]);
      });
      // Columns that depend on others go to the end, so that the rank of the product never grows again.
      while (made.length < n) made.push(besides(made, n));
      q = made;
      const all = [...live, ...dependent];
      rows = rows.map((_, i) => {
        const parts = all.map(([line, row]) => [line[i], row]).filter(([r, row]) => r !== 0 && !row.zero);
        if (parts.length === 0) return gradedRow(new Array(n).fill(0), 0);
        const top = Math.max(...parts.map(([, row]) => row.power));
        const sum = new Array(n).fill(0);
        for (const [r, row] of parts) row.numbers.forEach((x, k) => (sum[k] += r * 2 ** Math.max(-1074, row.power - top) * x));
        return gradedRow(sum, top);
      });
    },
    /** log₁₀ of the singular values, the largest first, and the direction that comes back best. */
    values() {
      const { logs, leading } = singularOfRows(rows);
      return { logs, leading: Array.from({ length: n }, (_, k) => leading.reduce((sum, x, c) => sum + x * q[c][k], 0)) };
    },
  };
}

/** A unit vector at right angles to some. */
function besides(q, n) {
  for (let k = 0; k < n; k++) {
    let v = Array.from({ length: n }, (_, i) => (i === k ? 1 : 0));
    for (let again = 0; again < 2; again++) for (const u of q) v = v.map(((along) => (x, i) => x - along * u[i])(dot(u, v)));
    const length = Math.hypot(...v);
    if (length > 0.5 / Math.sqrt(n)) return v.map((x) => x / length);
  }
  return new Array(n).fill(0);
}

/** Jacobi's method on the rows (Hestenes 1958): it is as precise for the small singular values of these rows as for the large ones. */
function singularOfRows(given) {
  const rows = [...given];
  const n = rows.length;
  const left = identityRows(n);
  for (let sweep = 0, still = false; sweep < 40 && !still; sweep++) {
    still = true;
    for (let i = 0; i < n; i++)
      for (let j = i + 1; j < n; j++) {
        const [p, o] = rows[i].power >= rows[j].power ? [i, j] : [j, i];
        const [a, b] = [rows[p], rows[o]];
        if (a.zero || b.zero) continue;
        const [alpha, beta, gamma] = [dot(a.numbers, a.numbers), dot(b.numbers, b.numbers), dot(a.numbers, b.numbers)];
        if (Math.abs(gamma) <= n * Number.EPSILON * Math.sqrt(alpha * beta)) continue;
        still = false;
        const delta = 2 ** (b.power - a.power);
        const z = (beta * delta * delta - alpha) / (2 * gamma);
        const tau = (z < 0 ? -1 : 1) / (Math.abs(z) + Math.hypot(delta, z));
        const t = delta * tau;
        const c = 1 / Math.hypot(1, t);
        rows[p] = gradedRow(a.numbers.map((x, k) => c * (x - delta * t * b.numbers[k])), a.power);
        rows[o] = gradedRow(b.numbers.map((x, k) => c * (tau * a.numbers[k] + x)), b.power);
        const [u, v] = [left[p], left[o]];
        left[p] = u.map((x, k) => c * (x - t * v[k]));
        left[o] = v.map((x, k) => c * (t * u[k] + x));
      }
  }
  const log = ({ numbers, power, zero }) => (zero ? -Infinity : Math.log10(Math.hypot(...numbers)) + power * Math.log10(2));
  const order = rows.map((row, i) => [log(row), i]).sort((a, b) => (a[0] === b[0] ? 0 : b[0] - a[0]));
  return { logs: order.map(([x]) => x), leading: left[order[0][1]] };
}

/** The eigenvalues of a real matrix, given as a flat array by rows, as [real, imaginary], the largest first: the QR algorithm
 *  with Wilkinson's shifts on its Hessenberg form (Francis 1961), in complex numbers. */
export function eigenvalues(flat, n) {
  const a = Array.from({ length: n }, (_, r) => Array.from({ length: n }, (_, c) => [flat[r * n + c], 0]));
  const size = largestOf(Array.from(flat)) || 1;
  hessenberg(a, n);
  const found = [];
  let high = n - 1;
  for (let tries = 0; high >= 0; tries++) {
    let low = high;
    while (low > 0 && modulus(a[low][low - 1]) > 1e-16 * (modulus(a[low][low]) + modulus(a[low - 1][low - 1]) || size)) low--;
    if (low === high || tries > 200) {
      found.push(a[high][high]);
      high--;
      tries = 0;
      continue;
    }
    const shift = tries % 11 === 10 ? [modulus(a[high][high - 1]), modulus(a[high][high])] : wilkinson(a, high);
    for (let i = low; i <= high; i++) a[i][i] = complexMinus(a[i][i], shift);
    const turns = [];
    for (let k = low; k < high; k++) {
      const [x, y] = [a[k][k], a[k + 1][k]];
      const r = Math.hypot(modulus(x), modulus(y)) || 1;
      const [c, s] = [complexScaled(x, 1 / r), complexScaled(y, 1 / r)];
      turns.push([c, s]);
      for (let m = k; m <= high; m++) {
        const [u, v] = [a[k][m], a[k + 1][m]];
        a[k][m] = complexPlus(complexTimes(conjugate(c), u), complexTimes(conjugate(s), v));
        a[k + 1][m] = complexMinus(complexTimes(c, v), complexTimes(s, u));
      }
    }
    turns.forEach(([c, s], i) => {
      const k = low + i;
      for (let m = low; m <= Math.min(high, k + 2); m++) {
        const [u, v] = [a[m][k], a[m][k + 1]];
        a[m][k] = complexPlus(complexTimes(c, u), complexTimes(s, v));
        a[m][k + 1] = complexMinus(complexTimes(conjugate(c), v), complexTimes(conjugate(s), u));
      }
    });
    for (let i = low; i <= high; i++) a[i][i] = complexPlus(a[i][i], shift);
  }
  return found.sort((x, y) => modulus(y) - modulus(x));
}

const modulus = ([x, y]) => Math.hypot(x, y);
const complexTimes = ([a, b], [c, d]) => [a * c - b * d, a * d + b * c];
const complexPlus = ([a, b], [c, d]) => [a + c, b + d];
const complexMinus = ([a, b], [c, d]) => [a - c, b - d];
const conjugate = ([a, b]) => [a, -b];
const complexScaled = ([a, b], x) => [a * x, b * x];

/** Householder's reflections: nothing is left below the first subdiagonal. */
function hessenberg(a, n) {
  for (let k = 0; k + 2 < n; k++) {
    const v = Array.from({ length: n }, (_, i) => (i > k ? a[i][k][0] : 0));
    const length = Math.hypot(...v);
    if (length === 0) continue;
    v[k + 1] += v[k + 1] < 0 ? -length : length;
    const square = dot(v, v);
    if (square === 0) continue;
    for (let c = 0; c < n; c++) {
      const along = (2 / square) * v.reduce((sum, x, r) => sum + x * a[r][c][0], 0);
      v.forEach((x, r) => (a[r][c] = [a[r][c][0] - along * x, 0]));
    }
    for (let r = 0; r < n; r++) {
      const along = (2 / square) * v.reduce((sum, x, c) => sum + x * a[r][c][0], 0);
      v.forEach((x, c) => (a[r][c] = [a[r][c][0] - along * x, 0]));
    }
    for (let r = k + 2; r < n; r++) a[r][k] = [0, 0];
  }
}

/** The eigenvalue of the last two rows and columns that is nearer to the last entry. */
function wilkinson(a, high) {
  const [p, q, r, s] = [a[high - 1][high - 1], a[high - 1][high], a[high][high - 1], a[high][high]];
  const half = complexScaled(complexMinus(p, s), 0.5);
  const square = complexPlus(complexTimes(half, half), complexTimes(q, r));
  const length = modulus(square);
  const root = [Math.sqrt(Math.max(0, (length + square[0]) / 2)), Math.sqrt(Math.max(0, (length - square[0]) / 2)) * (square[1] < 0 ? -1 : 1)];
  const [one, two] = [complexPlus(half, root), complexMinus(half, root)];
  return complexPlus(s, modulus(one) < modulus(two) ? one : two);
}
