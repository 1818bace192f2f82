// The net rolled up: one step stands for all, and what a step hands to the next comes back as a loop.

import { column, data, kind, text, title } from "./data.js";
import { svg } from "./dom.js";
import { edge } from "./marks.js";
import { handed } from "./closed.js";

/** A loop at the right of a box for everything that is handed on, one around the other. */
export function drawLoops(p, c, into) {
  const loops = { forward: 0, backward: 0 };
  for (const { from, to, carried } of handed(c)) {
    const { part, block } = kind(carried);
    const frame = p.box(c, block, part);
    if (!frame) continue;
    const k = loops[part]++;
    const [x, y] = [frame.x + frame.w, frame.y + frame.h / 2];
    const [half, reach] = [Math.min(18 + 16 * k, frame.h / 2 - 8), 58 + 40 * k];
    const path = `M${x},${y - half}C${x + reach},${y - half - 10} ${x + reach},${y + half + 10} ${x},${y + half}`;
    into.append(edge(from, to, part, path, "loop"));
    const words = part === "forward" ? text(kind(carried).title, null) : title(carried).replace(/\[\d+\]/, "[t]");
    const next = words.replace("[t]", part === "forward" ? "[t−1]" : "[t+1]");
    const label = svg("text", { x: x + reach * 0.75 + 6, y: y + 4 + (k % 2 ? 16 : 0), class: `carried loop ${part}` }, next);
    into.append(label);
  }
}
