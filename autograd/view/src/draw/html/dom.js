// Elements are made by hand: no text of the graph is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";
const MATHML = "http://www.w3.org/1998/Math/MathML";

export const $ = (id) => document.getElementById(id);

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    // What is told to screen readers has words for yes and no; other attributes are there or not.
    else if (name.startsWith("aria-") && typeof value === "boolean") element.setAttribute(name, String(value));
    else if (value !== null && value !== undefined && value !== false)
      element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** An HTML element: `el("p", { class: "note" }, "text")`. */
export const el = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);

/** An SVG element. */
export const svg = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS(SVG, tag), attributes, children);

/** A formula of a layer that reads backwards: in it t − 1 is t + 1. */
export const turned = (math) => math.replace(/<mi>t<\/mi><mo>([−+])<\/mo>/g, (_, sign) => `<mi>t</mi><mo>${sign === "+" ? "−" : "+"}</mo>`);

/** A formula: MathML if the text is that, and nothing else is let through; otherwise the text. */
export function typeset(text) {
  if (!text.startsWith("<math")) return el("span", { class: "formula" }, text);
  const parsed = new DOMParser().parseFromString(text, "application/xml").documentElement;
  const known = [parsed, ...parsed.querySelectorAll("*")].every(
    (e) => e.namespaceURI === MATHML && /^m[a-z]+$/.test(e.localName),
  );
  if (!known) return el("span", { class: "formula" }, parsed.textContent);
  for (const e of [parsed, ...parsed.querySelectorAll("*")]) {
    for (const { name } of [...e.attributes]) if (/^on|href/i.test(name)) e.removeAttribute(name);
  }
  // A bar over a name of several letters covers all of them: fonts have bars for one.
  for (const e of parsed.querySelectorAll("mover")) {
    const [base, bar] = e.children;
    if (bar?.textContent !== "¯" || base.textContent.trim().length < 2) continue;
    base.setAttribute("class", "barred");
    e.replaceWith(base);
  }
  return document.importNode(parsed, true);
}

const isParenthesis = (e) => e.localName === "mo" && e.textContent === "(";

/** The signs of a cell before which a line may end, and how many parentheses each is in: not signs of fractions and powers. */
function breaks(cell) {
  const found = [];
  const visit = (row, depth) => {
    const inner = depth + [...row.children].some(isParenthesis);
    for (const part of row.children) {
      const before = part.previousElementSibling;
      if (part.localName === "mrow") visit(part, inner);
      // A sign after nothing, or after another, is that of a negative term.
      else if (part.localName === "mo" && /^[+−]$/.test(part.textContent) && before && before.localName !== "mo") found.push({ sign: part, depth: inner });
    }
  };
  visit(cell, 0);
  return found;
}

/** The right sides of lines that go on, as they were typeset. */
const whole = new WeakMap();

/** The width for which each formula was broken: numbers that change do not break it anew. */
const brokenFor = new WeakMap();

/** Sums of a typeset formula that are wider than a frame go on in the next line, before a sign; those in parentheses last. */
export function wrap(formula, most) {
  const math = formula.firstElementChild;
  if (most < 120 || math === null || brokenFor.get(math) === most) return;
  brokenFor.set(math, most);
  formula.querySelectorAll("mtr.goes-on").forEach((more) => more.remove());
  for (const line of formula.querySelectorAll("mtable > mtr")) {
    if (whole.has(line)) line.lastElementChild.replaceWith(whole.get(line).cloneNode(true));
    const start = line.getBoundingClientRect().left;
    for (let row = line; ; ) {
      const cell = row.lastElementChild;
      const box = (e) => e.getBoundingClientRect();
      const right = Math.max(...[...cell.children].map((e) => box(e).right - start), 0);
      const fit = right <= most ? [] : breaks(cell).filter(({ sign }) => box(sign).left - start <= most);
      if (fit.length === 0) break;
      const least = Math.min(...fit.map(({ depth }) => depth));
      const { sign } = fit.findLast(({ depth }) => depth === least);
      if (row === line) whole.set(line, cell.cloneNode(true));
      const rest = document.createRange();
      rest.setStartBefore(sign);
      rest.setEnd(cell, cell.childNodes.length);
      const more = document.createElementNS(MATHML, "mtr");
      more.setAttribute("class", "goes-on");
      more.append(...["mtd", "mtd", "mtd"].map((tag) => document.createElementNS(MATHML, tag)));
      // The elements that the sign was in are there twice, with the parts of a term in both.
      more.lastElementChild.append(rest.extractContents());
      row.after(more);
      row = more;
    }
  }
}
