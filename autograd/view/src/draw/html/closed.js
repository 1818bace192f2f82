// A closed step: a box for each layer's cell and for each named value, with what flows between them.

import { END, box, column, data, face, handedOn, isStep, kind, lanes, nodesIn, operands, text, title, users, value } from "./data.js";
import { el, svg, turned, typeset } from "./dom.js";
import { corners, curve, sway } from "./lines.js";
import { number } from "./numbers.js";
import { starts, stateOf, traits } from "./places.js";
import { state } from "./state.js";
import { cells } from "./strips.js";
import { edge, group, spoken } from "./marks.js";
import { lineBetween } from "./open.js";

const PARTS = ["forward", "backward"];

/** A node's title; without the number of the step if one step stands for all. */
const titleOf = (i) => (state.rolled && isStep(column[i]) ? text(kind(i).title, null) : title(i));

export function drawClosed(p, c, into) {
  const drawn = { lines: svg("g", { class: "lines" }), boxes: svg("g") };
  into.append(drawn.lines, drawn.boxes);
  for (const part of PARTS) {
    data.blocks.forEach((block, b) => {
      const nodes = box(c, b, part);
      const frame = nodes && p.box(c, b, part);
      if (frame)
        drawn.boxes.append(...(frame.start ? start(p, nodes, frame, part) : [closedBox(p, c, b, part, nodes, frame)]));
    });
  }
  ups(p, c, drawn.lines);
  if (!p.tall) taps(p, c, drawn.lines);
  if (!state.rolled) acrosses(p, c, drawn.lines);
}

/** The states that a sequence begins with. */
function start(p, nodes, frame, part) {
  return nodes
    .filter((i) => stateOf(i) !== null)
    .map((i) => {
      const y = p.port(i, column[i], part);
      return group(
        i,
        `box value ${part} named start`,
        [i],
        svg("title", {}, spoken(i)),
        svg("rect", { x: frame.x, y: y - 11, width: frame.w, height: 22, rx: 11 }),
        svg("text", { x: frame.x + frame.w / 2, y: y + 4, class: "name small" }, titleOf(i)),
      );
    });
}

function closedBox(p, c, b, part, nodes, frame) {
  const block = data.blocks[b];
  const i = face(nodes);
  const { x, y, w, h } = frame;
  const shape = svg("rect", { x, y, width: w, height: h, rx: block.kind === "cell" ? 12 : h / 2 });
  const [middle, centre] = [x + w / 2, y + h / 2];
  if (block.kind !== "cell") {
    const size = frame.satellite ? "name tiny" : "name";
    const words = frame.satellite ? titleOf(i) : valueTitle(i, nodes);
    return group(
      i,
      `box value ${part} ${kind(i).class}${frame.satellite ? " satellite" : ""}`,
      nodes,
      svg("title", {}, spoken(i)),
      shape,
      svg("text", { x: middle, y: centre + 4.5, class: size }, words),
    );
  }
  const shownValue = value(i);
  const inside = [svg("title", {}, `${spoken(i)} · a double click opens the step`), shape];
  inside.push(svg("text", { x: x + 10, y: y + 16, class: "layer" }, block.name));
  if (state.rolled) {
    inside.push(svg("text", { x: x + w - 12, y: y + 19, class: "times" }, `× ${data.steps.length - starts.size}`));
    if (part === "forward" && data.equations)
      inside.push(
        svg(
          "foreignObject",
          { x: x + 8, y: y + 26, width: w - 16, height: h - 32, class: "equations" },
          el("div", {}, typeset(lanes.get(block.name)?.reverse ? turned(data.equations) : data.equations)),
        ),
      );
    else inside.push(svg("text", { x: middle, y: centre + 6, class: "name large" }, titleOf(i)));
  } else {
    const high = p.tall ? Math.min(centre, y + 60) : centre - 2;
    inside.push(svg("text", { x: middle, y: high + 2, class: "name large" }, titleOf(i)));
    if (shownValue) inside.push(cells(shownValue, x + 14, high + 13, w - 28, 9));
    if (shownValue && part === "backward")
      inside.push(svg("text", { x: middle, y: high + 34, class: "type" }, `‖${titleOf(i)}‖ ${number(shownValue.norm)}`));
  }
  return group(i, `box cell ${part}`, nodes, ...inside);
}

function valueTitle(i, nodes) {
  const value = handedOn(nodes);
  return value === null ? titleOf(i) : `∂${titleOf(value)}`;
}

/** What flows upwards between the boxes of a step. */
function ups(p, c, into) {
  const seen = new Set();
  for (const i of nodesIn(c)) {
    const to = kind(i);
    for (const x of operands(i)) {
      const from = kind(x);
      if (
        column[x] !== c ||
        from.part !== to.part ||
        from.block === to.block ||
        from.block === null ||
        to.block === null
      )
        continue;
      const link = `${from.block} ${to.block} ${to.part}`;
      if (seen.has(link)) continue;
      seen.add(link);
      const [a, b] = [p.box(c, from.block, from.part), p.box(c, to.block, to.part)];
      if (a && b) into.append(edge(x, i, to.part, up(p, c, a, b, from.block, to.block, to.part)));
    }
  }
}

function up(p, c, a, b, from, to, part) {
  if (a.satellite) return sway([a.x, a.y + a.h / 2], [b.x + b.w, b.y + b.h / 2]);
  const [x, y0, y1] = [a.x + a.w / 2, a.y, b.y + b.h];
  const rising = y0 > y1;
  const near = Math.abs(traits[from].row - traits[to].row) <= 1 || p.tall;
  if (near)
    return rising
      ? curve([
          [x, y0],
          [b.x + b.w / 2, y1],
        ])
      : curve([
          [x, a.y + a.h],
          [b.x + b.w / 2, b.y],
        ]);
  // Past the boxes between them, in turn on the left and on the right.
  const left = traits[from].row % 2 === 0;
  const aside = p.left(c) + (left ? 6 : p.width(c) - 6);
  const off = left ? -12 : 12;
  return corners([
    [x + off, y0],
    [x + off, y0 - 10],
    [aside, y0 - 10],
    [aside, y1 + 10],
    [x + off, y1 + 10],
    [x + off, y1],
  ]);
}

/** Taps of the rail that leads to the loss at the end, and of the one that comes back. */
function taps(p, c, into) {
  for (const i of nodesIn(c)) {
    const { block, part } = kind(i);
    if (block === null || traits[block].row === null) continue;
    const frame = () => p.box(c, block, part);
    const y = p.railY(part);
    if (part === "forward") {
      const user = users(i).find(
        (u) => column[u] === END && kind(u).part === part && kind(u).block !== null && traits[kind(u).block].learned,
      );
      if (user !== undefined && frame())
        into.append(edge(i, user, part, `M${frame().x + frame().w / 2},${frame().y}V${y}`, "tap"));
    } else {
      const x = operands(i).find(
        (o) => column[o] === END && kind(o).part === part && kind(o).block !== null && traits[kind(o).block].learned,
      );
      if (x !== undefined && frame() && !into.querySelector(`.tap.backward[data-block="${block}"]`)) {
        const tap = edge(x, i, part, `M${frame().x + frame().w / 2},${y}V${frame().y + frame().h}`, "tap");
        tap.setAttribute("data-block", block);
        into.append(tap);
      }
    }
  }
}

/** What comes from other steps: once for each value that is handed on, or each adjoint that is handed back. */
export function handed(c) {
  const found = new Map();
  for (const i of nodesIn(c)) {
    for (const x of operands(i)) {
      if (!isStep(column[x]) || column[x] === c || kind(x).part !== kind(i).part) continue;
      const carried = kind(i).part === "forward" ? x : i;
      const id = `${column[x]} ${carried} ${kind(i).block}`;
      if (!found.has(id)) found.set(id, { from: x, to: i, carried });
    }
  }
  return [...found.values()];
}

function acrosses(p, c, into) {
  for (const { from, to, carried } of handed(c)) {
    const drawn = lineBetween(p, from, to, carried);
    if (!drawn) continue;
    into.append(edge(from, to, kind(to).part, drawn.path, "across"));
    const gap = Math.abs(drawn.end[0] - drawn.start[0]);
    if (!p.tall && Math.abs(column[from] - column[to]) === 1 && gap < 80) {
      const words = titleOf(carried);
      if (words.length <= 7)
        into.append(
          svg(
            "text",
            { x: (drawn.start[0] + drawn.end[0]) / 2, y: drawn.end[1] - 5, class: `carried ${kind(to).part}`, "data-node": carried },
            words,
          ),
        );
    }
  }
}
