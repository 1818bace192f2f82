// What is lit in the picture: what has been computed, what is chosen, and a way.

import { box, column, count, kind, operands, users } from "./data.js";
import { $ } from "./dom.js";
import { state } from "./state.js";

/** What has been computed is lit; what is chosen, and what it is made of and used by, is marked. */
export function light(root = $("world")) {
  const { node, position } = state;
  const made = node === null ? [] : operands(node);
  const used = node === null ? [] : users(node);
  const near = new Set([...made, ...used]);
  for (const e of root.querySelectorAll("[data-first]")) {
    const [first, last] = [Number(e.dataset.first), Number(e.dataset.last)];
    e.classList.toggle("lit", last < position);
    e.classList.toggle("begun", first < position && last >= position);
    e.classList.toggle("now", position < count && first <= position - 1 && last >= position - 1);
    const i = Number(e.dataset.node ?? -1);
    e.classList.toggle("chosen", node !== null && (i === node || (e.classList.contains("box") && sameBox(i, node))));
    e.classList.toggle("near", near.has(i));
    const [from, to] = [Number(e.dataset.from ?? -1), Number(e.dataset.to ?? -1)];
    e.classList.toggle("marked", node !== null && (from === node || to === node));
    e.classList.toggle("way", onWay(from, to, i, e.classList.contains("box")));
  }
  $("world").classList.toggle("walking", position < count);
  $("window").setAttribute("aria-activedescendant", node === null ? "" : `n${node}`);
}

const sameBox = (a, b) =>
  column[a] === column[b] && kind(a).block === kind(b).block && kind(a).part === kind(b).part && kind(a).block !== null;

/** Whether something is on the way that was chosen: set by the panel of paths. */
let chosenWay = new Set();
/** What is looked at for a moment instead, or null. */
let glimpse = null;
export function showWay(nodes) {
  chosenWay = new Set(nodes);
  relight();
}
/** Lights some nodes while the pointer is on what stands for them; null ends it. */
export function seeWay(nodes) {
  if (nodes === null && glimpse === null) return;
  glimpse = nodes === null ? null : new Set(nodes);
  relight();
}
const shownWay = () => glimpse ?? chosenWay;
function relight() {
  $("world").classList.toggle("has-way", shownWay().size > 0);
  light();
}
function onWay(from, to, i, isBox) {
  const way = shownWay();
  if (way.size === 0) return false;
  if (from >= 0) return way.has(from) && way.has(to);
  const nodes = isBox ? box(column[i], kind(i).block, kind(i).part) : null;
  return nodes ? nodes.some((n) => way.has(n)) : way.has(i);
}
