// Values as heat: zero is paper, negative numbers are blue, positive ones red. The scale is the largest size.

import { svg } from "./dom.js";
import { number } from "./numbers.js";

/** The colour of a share of the scale, from −1 to 1, in the colours of the theme. */
export function heat(share) {
  const part = Math.min(1, Math.abs(share)) ** 0.75 * 100;
  return `color-mix(in oklab, var(${share < 0 ? "--negative" : "--positive"}) ${part.toFixed(1)}%, var(--zero))`;
}

export const largest = (value) => Math.max(Math.abs(value.min), Math.abs(value.max)) || 1;

/** A row of cells inside a rectangle. */
export function cells(value, x, y, width, height, most = 16) {
  const entries = value.entries.length > most ? value.entries.slice(0, most) : value.entries;
  const one = width / entries.length;
  const scale = largest(value);
  const cell = (entry, k) =>
    svg("rect", {
      x: x + k * one,
      y,
      width: Math.max(one - 0.8, 0.5),
      height,
      rx: 1.5,
      style: `fill:${heat(entry / scale)}`,
    });
  return svg("g", { class: "strip" }, ...Array.from(entries, cell));
}

/** A value as a picture: rows and columns as in its shape. */
export function strip(value, shape, label) {
  const columns = value.whole ? (shape.at(-1) ?? 1) : value.entries.length;
  const rows = Math.max(1, Math.ceil(value.entries.length / columns));
  const width = 320;
  const one = Math.min(width / columns, 40);
  const high = rows > 6 ? 11 : 22;
  const scale = largest(value);
  const picture = svg("svg", {
    class: "heat",
    viewBox: `0 0 ${one * columns} ${high * rows}`,
    role: "img",
    width: one * columns,
    height: high * rows,
    "aria-label": `${label}: ${many16(value)}`,
  });
  value.entries.forEach((entry, k) => {
    const [row, place] = [Math.floor(k / columns), k % columns];
    picture.append(
      svg(
        "rect",
        {
          x: place * one + 0.5,
          y: row * high + 0.5,
          width: Math.max(one - 1, 0.6),
          height: high - 1,
          rx: 2,
          style: `fill:${heat(entry / scale)}`,
        },
        svg("title", {}, `${value.whole ? `[${indices(k, shape).join(", ")}]` : `stretch ${k + 1}`}  ${number(entry)}`),
      ),
    );
  });
  return picture;
}

function indices(k, shape) {
  const found = [];
  for (const size of [...shape].reverse()) {
    found.unshift(k % size);
    k = Math.floor(k / size);
  }
  return found;
}

function many16(value) {
  const entries = Array.from(value.entries.slice(0, 16), number).join(", ");
  return value.entries.length > 16 ? `${entries}, …` : entries;
}
