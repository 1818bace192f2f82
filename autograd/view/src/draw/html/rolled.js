// The net rolled up: one step stands for all, and what a step hands to the next comes back as a loop.

import { data, kind, lanes, text } from "./data.js";
import { svg } from "./dom.js";
import { edge } from "./marks.js";
import { handed } from "./closed.js";

/** A loop at the right of a box for everything that is handed on, one under the other. */
export function drawLoops(p, c, into) {
  const found = handed(c);
  const done = { forward: 0, backward: 0 };
  for (const { from, to, carried } of found) {
    const { part, block } = kind(carried);
    const frame = p.box(c, block, part);
    if (!frame) continue;
    const n = found.filter((other) => kind(other.carried).part === part).length;
    const apart = Math.min(52, (frame.h - 16) / n);
    const x = frame.x + frame.w;
    const y = frame.y + frame.h / 2 + (done[part]++ - (n - 1) / 2) * apart;
    const [half, reach] = [apart * 0.32, 64];
    const path = `M${x},${y - half}C${x + reach},${y - half - 8} ${x + reach},${y + half + 8} ${x},${y + half}`;
    into.append(edge(from, to, part, path, "loop"));
    const back = lanes.get(data.blocks[block].name)?.reverse ?? false;
    const next = (part === "forward") === back ? "[t+1]" : "[t−1]";
    const words = text(kind(carried).title, null).replace("[t]", next);
    into.append(svg("text", { x: x + reach * 0.75 + 8, y: y + 4, class: `carried loop ${part}` }, words));
  }
}
