// An open column: every op where it was laid out, and the lines to its neighbours.

import { END, SIDE, column, data, isStep, kind, nodesIn, operands, subtitle, tag, title, users } from "./data.js";
import { svg } from "./dom.js";
import { bow, corners, curve, sway } from "./lines.js";
import { learned, stateOf } from "./places.js";
import { edge, group, spoken, tint } from "./marks.js";

const look = (i) => data.looks[kind(i).look] ?? null;

export function drawOpen(p, c, into) {
  const lines = svg("g", { class: "lines" });
  const boxes = svg("g");
  into.append(lines, boxes);
  const left = p.left(c);
  const seen = new Set();
  for (const i of nodesIn(c)) {
    const mine = look(i);
    if (!mine) continue;
    boxes.append(op(i, left, mine));
    operands(i).forEach((x, port) => {
      const arrival = mine.operands[port] ?? (column[x] !== c ? mine.operands.find((a) => a?.across) : null);
      if (!arrival) return;
      if (arrival.tag) boxes.append(written(x, tag(i, port) ?? title(x), arrival.tag, left, i));
      else if (arrival.rise) lines.append(edge(x, i, kind(i).part, curve(shifted(arrival.rise, left))));
      else if (arrival.bow) lines.append(edge(x, i, kind(i).part, bow(shifted(arrival.bow, left))));
      else if (c !== END && column[x] !== END) {
        const drawn = lineBetween(p, x, i, kind(i).part === "forward" ? x : i);
        const once = drawn && `${drawn.path}`;
        if (drawn && !seen.has(once)) lines.append(edge(x, i, kind(i).part, drawn.path, "across"));
        seen.add(once);
      }
    });
    for (const [words, user, frame] of mine.above) boxes.append(written(user, words, frame, left, i));
  }
}

const shifted = (path, left) => path.map(([x, y]) => [x + left, y]);

function op(i, left, { frame: [x, y, w, h] }) {
  const { class: className, part } = kind(i);
  const below = subtitle(i);
  const middle = left + x + w / 2;
  const words = title(i);
  const texts =
    below === null
      ? [
          svg(
            "text",
            { x: middle, y: y + h / 2 + (words.length <= 2 ? 5 : 4), class: words.length <= 2 ? "sign" : "word" },
            words,
          ),
        ]
      : [
          svg("text", { x: middle, y: y + h / 2 - 2, class: "name inner" }, words),
          svg("text", { x: middle, y: y + h / 2 + 11, class: "type" }, below),
        ];
  return group(
    i,
    `op ${part} ${className}`,
    [i],
    svg("title", {}, spoken(i)),
    svg("rect", { x: left + x, y, width: w, height: h, rx: below === null ? h / 2 : 7 }),
    ...texts,
  );
}

/** A name that stands for a line: of node `i`, at another node. */
function written(i, words, [x, y, w, h], left, at) {
  return svg(
    "g",
    {
      class: `tag ${kind(i).part} ${kind(i).class}`,
      "data-node": i,
      "data-first": at,
      "data-last": at,
      style: tint(i),
    },
    svg("title", {}, spoken(i)),
    svg("rect", { x: left + x, y, width: w, height: h, rx: 3 }),
    svg("text", { x: left + x + w / 2, y: y + h / 2 + 3.2 }, words),
  );
}

/** A line between two columns. In an open column it follows its way between the ops; at a closed one it begins or
 *  ends at the side of the box. */
export function lineBetween(p, from, to, carried) {
  const [a, b] = [column[from], column[to]];
  const right = a === SIDE || (isStep(a) && (b === END || a < b));
  const far = isStep(a) && isStep(b) && Math.abs(a - b) > 1;
  const exit = look(from)?.exits.find((e) => e.right === right && e.end === (a === END || b === END));
  const arrival = look(to)?.operands.find((x) => x?.across && x.across.right === right)?.across;
  const later = a === SIDE ? b : b === SIDE ? a : Math.max(a, b);
  const begin = p.isOpen(a) && exit ? shifted(exit.path, p.left(a)) : [beside(p, from, a, right, carried)];
  const end = p.isOpen(b) && arrival ? shifted(arrival.path, p.left(b)) : [beside(p, to, b, !right, carried)];
  if (begin[0] === null || end[0] === null) return null;
  const [start, stop] = [begin[0], end.at(-1)];
  if (!p.isOpen(a) && !p.isOpen(b)) {
    if (!far) return { path: sway(start, stop), start, end: stop };
    const lift = Math.min(start[1], stop[1]) - 44;
    return { path: `M${start}C${start[0] + 60},${lift} ${stop[0] - 60},${lift} ${stop}`, start, end: stop };
  }
  // From a closed step each state has one lane, whatever it is that hands it on.
  const lane = p.left(later) + (p.isOpen(a) && exit ? exit.lane : -22 - 8 * (stateOf(carried) ?? 0));
  const y0 = begin.at(-1)[1];
  const y1 = p.isOpen(b) && arrival ? arrival.height : stop[1];
  return { path: corners([...begin, [lane, y0], [lane, y1], ...end]), start, end: stop };
}

/** Where a value that is handed on touches the box of a closed step. */
function beside(p, i, c, atRight, carried) {
  const { block, part } = kind(i);
  if (block === null) return null;
  const frame = p.box(c, block, part);
  if (!frame) return null;
  const known = stateOf(carried) === null ? i : carried;
  const y = kind(known).block === block ? p.port(known, c, part) : frame.y + frame.h / 2;
  return [atRight ? frame.x + frame.w : frame.x, y ?? frame.y + frame.h / 2];
}

/** The lines of a step to and from the column at the end, along the channels above and below the steps. */
export function drawBuses(p, c, into) {
  const [left, right] = [p.left(c) - 30, p.left(c) + p.width(c) + 30];
  // Counts of data lead to the end as well; without them the picture is calm.
  for (const i of nodesIn(c).filter((i) => kind(i).part === "backward" || learned[i])) {
    const exit = look(i)?.exits.find((e) => e.end);
    if (exit && users(i).some((u) => column[u] === END)) {
      const y = exit.path.at(-1)[1];
      const frame = p.isOpen(c) ? null : kind(i).block !== null && p.box(c, kind(i).block, kind(i).part);
      const from = p.isOpen(c)
        ? shifted(exit.path, p.left(c))
        : frame
          ? [
              [frame.x + frame.w / 2, frame.y],
              [frame.x + frame.w / 2, y],
            ]
          : null;
      const user = users(i).find((u) => column[u] === END);
      if (from) into.append(edge(i, user, kind(i).part, corners([...from, [p.left(END) + exit.lane, y]]), "bus"));
    }
    operands(i).forEach((x, port) => {
      const arrival = look(i)?.operands[port]?.across;
      if (column[x] !== END || !arrival || (kind(x).part === "forward" && !learned[x])) return;
      const frame = p.isOpen(c) ? null : kind(i).block !== null && p.box(c, kind(i).block, kind(i).part);
      const exitOf = look(x)?.exits.find((e) => e.end && !e.right);
      const lane = p.left(END) + (exitOf?.lane ?? -20);
      const to = p.isOpen(c)
        ? shifted(arrival.path, p.left(c))
        : frame
          ? [
              [frame.x + frame.w / 2, arrival.height],
              [frame.x + frame.w / 2, frame.y + frame.h],
            ]
          : null;
      if (to && (p.isOpen(c) || kind(i).part === "backward"))
        into.append(edge(x, i, kind(i).part, corners([[lane, arrival.height], ...to]), "bus"));
    });
  }
}

/** The other ends of those lines, at the column at the end. */
export function drawEndLanes(p, into) {
  const seen = new Set();
  for (const i of nodesIn(END)) {
    const mine = look(i);
    if (!mine) continue;
    operands(i).forEach((x) => {
      const arrival = mine.operands.find((a) => a?.across)?.across;
      const exit = look(x)?.exits.find((e) => e.end && e.right);
      if (!isStep(column[x]) || !arrival || !exit || (kind(x).part === "forward" && !learned[x])) return;
      const lane = p.left(END) + exit.lane;
      const path = corners([
        [lane, exit.path.at(-1)[1]],
        [lane, arrival.height],
        ...shifted(arrival.path, p.left(END)),
      ]);
      if (!seen.has(path)) into.append(edge(x, i, kind(i).part, path, "bus"));
      seen.add(path);
    });
    const exit = mine.exits.find((e) => e.end && !e.right);
    if (exit) {
      const out = shifted(exit.path, p.left(END));
      const heights = new Set();
      for (const u of users(i)) {
        const arrival = look(u)?.operands[operands(u).indexOf(i)]?.across;
        if (
          isStep(column[u]) &&
          arrival &&
          (kind(i).part === "backward" || learned[i]) &&
          !heights.has(arrival.height)
        ) {
          heights.add(arrival.height);
          const lane = p.left(END) + exit.lane;
          const line = edge(
            i,
            u,
            kind(i).part,
            corners([...out, [lane, out.at(-1)[1]], [lane, arrival.height]]),
            "bus",
          );
          line.removeAttribute("marker-end");
          into.append(line);
        }
      }
    }
  }
}
