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

/** Sums of a typeset formula that are wider than a frame go on in the next line, before a sign. */
export function wrap(formula, most) {
  if (most < 120) return;
  for (const more of formula.querySelectorAll("mtr.goes-on")) {
    more.previousElementSibling.lastElementChild.append(...more.lastElementChild.children);
    more.remove();
  }
  for (const line of formula.querySelectorAll("mtable > mtr")) {
    let sum = line.lastElementChild;
    while (sum?.children.length === 1 && sum.firstElementChild.localName === "mrow" && !sum.firstElementChild.hasAttribute("class")) sum = sum.firstElementChild;
    const parts = [...(sum?.children ?? [])];
    const left = parts.length ? parts[0].getBoundingClientRect().left - line.getBoundingClientRect().left : 0;
    const widths = parts.map((part) => part.getBoundingClientRect().width + (part.localName === "mo" ? 8 : 0));
    const isSign = (part) => part.localName === "mo" && /^[+−]$/.test(part.textContent);
    let [row, wide] = [line, left];
    parts.forEach((part, k) => {
      // A sign stays with what follows it, up to the next.
      const next = parts.findIndex((p, n) => n > k && isSign(p));
      const group = widths.slice(k, next < 0 ? undefined : next).reduce((a, b) => a + b, 0);
      if (k > 0 && isSign(part) && wide + group > most) {
        const more = document.createElementNS(MATHML, "mtr");
        more.setAttribute("class", "goes-on");
        more.append(...["mtd", "mtd", "mtd"].map((tag) => document.createElementNS(MATHML, tag)));
        row.after(more);
        [row, wide] = [more, left];
      }
      if (row !== line) row.lastElementChild.append(part);
      wide += widths[k];
    });
  }
}
