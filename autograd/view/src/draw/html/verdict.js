// What a check of the gradients found: in a word, who is guilty, and tensor by tensor, the worst first.

import { data, find } from "./data.js";
import { EQUAL } from "./difference.js";
import { el } from "./dom.js";
import { number } from "./numbers.js";
import { shade } from "./rules.js";

const ORDER = ["fail", "inconclusive", "kink", "pass"];
const differ = (t) => Math.abs(t.analytic - t.numeric);
/** Of a failure the difference over the size of the gradient; of what passes, over the tolerance. */
const badness = (t) => (t.verdict === "fail" ? differ(t) / (t.norm + Math.abs(t.numeric)) : excess(t));
const excess = (t) => Math.max(...[t, ...t.elements].map((c) => (differ(c) === 0 ? 0 : differ(c) / c.tolerance)));

/** A name, as a way to its node if the page has it. */
const named = (name, link) => (find(name) === null ? el("code", {}, name) : link(find(name)));

function accused(guilty, link) {
  const where = [
    guilty.op,
    guilty.layer && `layer ${guilty.layer}`,
    guilty.gate && `gate ${guilty.gate}`,
    guilty.step && `step ${guilty.step}`,
  ];
  return el(
    "div",
    { class: "accused", id: "guilty" },
    el("p", {}, "The VJP of ", named(guilty.node, link), ` (${where.filter(Boolean).join(", ")})`),
    el("p", {}, `towards operand ${guilty.operand}, `, named(guilty.operand_name, link), ":"),
    el("p", {}, el("strong", {}, guilty.says)),
    el(
      "p",
      { class: "note" },
      `at [${guilty.index.join(", ")}] it is ${number(guilty.analytic)}, and should be ${number(guilty.numeric)}: ratio ${number(guilty.ratio)}`,
    ),
  );
}

function row(t, link) {
  const numbers = t.connected ? [number(differ(t)), number(t.tolerance)] : ["—", "—"];
  return el(
    "tr",
    {},
    el("td", {}, named(t.name, link)),
    ...numbers.map((n) => el("td", {}, n)),
    el("td", { class: t.verdict }, t.connected ? t.verdict : "not connected"),
  );
}

function table(tensors, link) {
  const head = ["tensor", "differ", "within", ""];
  const rank = (t) => ORDER.indexOf(t.verdict);
  const sorted = [...tensors].sort((a, b) => a.order - b.order || rank(a) - rank(b) || badness(b) - badness(a));
  return el(
    "table",
    { class: "tensors", id: "tensors" },
    el("tr", {}, ...head.map((word) => el("th", {}, word))),
    ...sorted.map((t) => row(t, link)),
  );
}

function scale() {
  const powers = Array.from({ length: 12 }, (_, k) => EQUAL * 10 ** (k - 1));
  return [
    el("div", { class: "scale" }, ...powers.map((e) => el("span", { style: `background:${shade(e)}` }))),
    el("div", { class: "scale-marks" }, el("span", {}, "rounding"), el("span", {}, "10⁻⁶"), el("span", {}, "1")),
    el(
      "p",
      { class: "note" },
      "Adjoints have the colour of their own relative error: how far each is from what the users of its node send back. " +
        "What they send is taken as it is, so that a fault shows where it arises and not where it leads.",
    ),
  ];
}

/** The elements that tell of the check; none if there was none. */
export function verdict(link) {
  if (!data.check) return [];
  const { report } = data.check;
  const wrong = report.tensors.filter((t) => t.verdict === report.verdict).length;
  const count = `${wrong} of ${report.tensors.length} gradients`;
  return [
    el("p", { class: `verdict ${report.verdict}`, id: "verdict" }, `${report.verdict.toUpperCase()}: ${count}`),
    report.guilty ? accused(report.guilty, link) : null,
    table(report.tensors, link),
    ...report.witnesses.map((w) =>
      el("p", { class: "note" }, `${w.verdict}: ${w.name}${w.difference === null ? "" : `, ${number(w.difference)} apart`}`),
    ),
    ...scale(),
  ];
}
