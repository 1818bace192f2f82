// What the steps read and say: above a column what came out of it and what should have, below it what it reads.

import { FIRST, data, name, stepNumber } from "./data.js";
import { el, svg } from "./dom.js";
import { brief, number } from "./numbers.js";

const byStep = new Map(data.notes.map((note) => [note.step, note]));

/** The note of a column, or null; that of the column at the end is what is said after the last step. */
export const noteOf = (c) => byStep.get(c >= FIRST ? stepNumber(c) : null) ?? null;

const LINE = 17;
const lines = (note) => [note.says.length > 0, note.target !== null, note.loss !== null].filter(Boolean).length;
const most = Math.max(0, ...data.notes.map(lines));

/** The height of what stands above the columns, and of what stands below them. */
export const ABOVE = most > 0 ? most * LINE + 10 : 0;
export const BELOW = data.notes.some((note) => note.reads !== null) ? 30 : 0;

const LONGEST = 16;
const short = (text) => ([...text].length > LONGEST ? `${[...text].slice(0, LONGEST - 1).join("")}…` : text);
const percent = (p) => (p < 0.001 ? "< 0.1 %" : `${p < 0.1 ? (p * 100).toFixed(1) : Math.round(p * 100)} %`);
/** `“v”`, `“v” 62 %`. */
export const words = ({ what, probability }, most = Infinity) =>
  `${most < Infinity ? short(what) : what}${probability === null ? "" : ` ${percent(probability)}`}`;

/** Whether the likeliest answer is the one that is wanted; null if that is not to be said. */
export const isRight = ({ says, target }) =>
  says.length > 0 && target !== null && target.probability !== null ? says[0].what === target.what : null;

/** What came out of a column, from a height on. */
export function drawSaid(c, middle, top, into) {
  const note = noteOf(c);
  if (!note || lines(note) === 0) return;
  const right = isRight(note);
  const group = svg("g", {
    class: `said${right === null ? "" : right ? " right" : " wrong"}`,
    "data-first": note.from,
    "data-last": note.from,
  });
  let y = top + 14;
  const line = (className, text) => {
    group.append(svg("text", { x: middle, y, class: className }, text));
    y += LINE;
  };
  if (note.says.length > 0) line("answer", words(note.says[0], LONGEST));
  if (note.target !== null) line("target", `wanted ${words(note.target, LONGEST)}`);
  if (note.loss !== null) line("loss", `${name(note.from)} = ${number(note.loss)}`);
  into.append(group);
}

/** What a column reads, at a height. */
export function drawRead(c, middle, y, into) {
  const note = noteOf(c);
  if (note?.reads) into.append(svg("text", { x: middle, y, class: "reads" }, svg("title", {}, note.reads), short(note.reads)));
}

/** All notes as a table; `norm` tells the size of the adjoint of a column's state, `go` leads there. */
export function notesTable(norm, go) {
  if (data.notes.length === 0) return null;
  const has = (what) => data.notes.some(what);
  const norms = new Map(data.notes.map((note) => [note, norm(note.step)]));
  const parts = [
    ["t", () => true, (note) => (note.step === null ? "end" : String(note.step))],
    ["reads", (note) => note.reads !== null, (note) => note.reads ?? ""],
    ["says", (note) => note.says.length > 0, (note) => (note.says.length ? words(note.says[0]) : "")],
    ["wanted", (note) => note.target !== null, (note) => (note.target ? words(note.target) : "")],
    ["L[t]", (note) => note.loss !== null, (note) => (note.loss === null ? "" : brief(note.loss))],
    ["‖∂h‖", (note) => norms.get(note) !== null, (note) => (norms.get(note) === null ? "" : brief(norms.get(note)))],
  ].filter(([, wanted]) => has(wanted));
  const row = (note) => {
    const right = isRight(note);
    return el(
      "tr",
      { tabindex: 0, onclick: () => go(note.step), onkeydown: (e) => e.key === "Enter" && go(note.step) },
      ...parts.map(([head, , cell]) =>
        el("td", { class: head === "says" && right !== null ? (right ? "right" : "wrong") : head }, cell(note)),
      ),
    );
  };
  return el(
    "table",
    { class: "notes" },
    el("tr", {}, ...parts.map(([head]) => el("th", {}, head))),
    ...data.notes.map(row),
  );
}
