// How numbers are written.

const MINUS = "−";

/** Four significant digits; very small and very large numbers with a power of ten. */
export function number(x) {
  if (x === null || x === undefined || Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : `${MINUS}∞`;
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size >= 1e-3 && size < 1e5) return String(Number(x.toPrecision(4))).replace("-", MINUS);
  const [mantissa, exponent] = x.toExponential(2).split("e");
  return `${mantissa}·10${raised(Number(exponent))}`.replace(/^-/, MINUS);
}

/** Three significant digits. */
export const brief = (x) => number(Number(x.toPrecision(3)));

/** A number by its logarithm to base 10, also where it is smaller or larger than numbers can be. */
export function ofLog(log) {
  if (log === -Infinity) return "0";
  if (Math.abs(log) < 300 || !Number.isFinite(log)) return number(10 ** log);
  return `${(10 ** (log - Math.floor(log))).toFixed(2)}·10${raised(Math.floor(log))}`;
}

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
/** A power of ten. */
export const power = (n) => (Math.abs(n) < 3 ? number(10 ** n) : `10${raised(n)}`);
function raised(n) {
  return String(n).replace(/./g, (c) => RAISED[c]);
}

/** `1 node`, `2 nodes`. */
export const many = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;
