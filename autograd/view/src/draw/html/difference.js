// How far two values are apart, and the colour of that: one scale for the boxes of two nets and for the legend beneath them.

/** Below this relative difference two values are equal but for rounding. */
export const EQUAL = 1e-11;

/** The marks of the scale, a power of ten each. What is beyond its ends has the colour of the end. */
export const MARKS = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1];

const ALIKE = [30, 142, 90];
const STOPS = [[250, 220, 120], [244, 160, 60], [222, 84, 60], [168, 24, 98], [86, 14, 118]];

/** The colour of a relative difference: green up to rounding, then on a logarithmic scale from yellow to violet. */
export function differenceColour(e) {
  if (e <= EQUAL) return `rgb(${ALIKE})`;
  const [low, high] = [Math.log10(MARKS[0]), Math.log10(MARKS.at(-1))];
  const at = Math.max(0, Math.min(1, (Math.log10(e) - low) / (high - low))) * (STOPS.length - 1);
  const k = Math.min(STOPS.length - 2, Math.floor(at));
  return `rgb(${STOPS[k].map((x, c) => Math.round(x + (at - k) * (STOPS[k + 1][c] - x)))})`;
}

/** ‖a − b‖ / max(‖a‖, ‖b‖) of two values, infinite if one of them is not finite, or null if they have other sizes. */
export function relativeDifference(a, b) {
  if (!a?.whole || !b?.whole || a.count !== b.count) return null;
  const size = Math.max(a.norm, b.norm);
  if (!Number.isFinite(a.norm + b.norm)) return Infinity;
  if (size === 0) return 0;
  return Math.hypot(...Array.from(a.entries, (x, k) => (x - b.entries[k]) / size));
}

/** `17.2 % apart`. */
export function differenceInWords(e) {
  if (e === null) return "of another size";
  if (e <= EQUAL) return "equal to rounding";
  if (e === Infinity) return "not finite here or there";
  const percent = 100 * e;
  return `${percent >= 1e-3 && percent < 1e4 ? String(Number(percent.toPrecision(3))) : percent.toExponential(1)} % apart`;
}
