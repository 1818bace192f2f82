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
  return document.importNode(parsed, true);
}
