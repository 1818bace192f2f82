// What the reader is looking at. It stands in the address, so that it can be sent to somebody.

import { FIRST, column, count, find, isStep, name, stepCount } from "./data.js";

export const state = {
  /** Rolled up, or over all steps. */
  rolled: false,
  /** Open steps, by their columns. */
  open: new Set(),
  /** The chosen node, or null. */
  node: null,
  /** How many nodes have been computed. */
  position: count,
  /** The column of the last step, if it is not the last that there is. */
  lastColumn: Infinity,
  /** The chosen way from a loss to a state: `{ loss, layer, state, step, kind }`, or null. */
  path: null,
};

const listeners = [];

/** Calls a function after every change, with what has changed. */
export const onChange = (listener) => listeners.push(listener);

export function change(what) {
  Object.assign(state, what);
  listeners.forEach((listener) => listener(what));
  // Not at every step of a walk: browsers slow down addresses that change all the time.
  clearTimeout(later);
  later = setTimeout(write, 250);
}
let later = 0;

/** Chooses a node; a node inside a closed box opens the step if `open` is true. */
export function choose(node, { open = false } = {}) {
  const what = { node };
  if (open && node !== null && isStep(column[node]) && !state.rolled)
    what.open = new Set([...state.open, column[node]]);
  change(what);
}

export function toggle(c) {
  const open = new Set(state.open);
  if (!open.delete(c)) open.add(c);
  change({ open, rolled: false });
}

/** A name as it stands in an address: `l0/h[3]` stays as it is. */
const readable = (text) => encodeURIComponent(text).replace(/%(2F|5B|5D)/g, decodeURIComponent);

function write() {
  const parts = /(^#|&)embed\b/.test(location.hash) ? ["embed"] : [];
  if (state.node !== null) parts.push(`node=${readable(name(state.node))}`);
  if (state.rolled) parts.push("zoom=rolled");
  else if (state.open.size)
    parts.push(
      `open=${[...state.open]
        .map((c) => c - FIRST)
        .sort((a, b) => a - b)
        .join(",")}`,
    );
  if (state.position < count) parts.push(`at=${state.position}`);
  const hash = parts.length ? `#${parts.join("&")}` : location.pathname;
  // Files have addresses too, but some browsers keep their history shut.
  try {
    history.replaceState(null, "", hash);
  } catch {
    return;
  }
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Takes the address; what it says of no sense is left out. */
export function readAddress() {
  const wanted = new Map(
    location.hash
      .slice(1)
      .split("&")
      .map((part) => [part.split("=")[0], part.split("=").slice(1).join("=")]),
  );
  const node = wanted.has("node") ? find(decoded(wanted.get("node"))) : null;
  const columns = (wanted.get("open") ?? "")
    .split(",")
    .filter(Boolean)
    .map((s) => Number(s) + FIRST);
  const at = Number(wanted.get("at"));
  change({
    node,
    rolled: wanted.get("zoom") === "rolled",
    open: new Set(columns.filter((c) => c >= FIRST && c < stepCount + FIRST)),
    position: wanted.has("at") && at >= 0 && at <= count ? Math.floor(at) : count,
  });
}
