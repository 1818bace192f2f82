// The page begins here: search, keys, themes.

import {
  FIRST,
  adjoint,
  box,
  column,
  count,
  data,
  equation,
  find,
  isStep,
  kind,
  name,
  of,
  operands,
  shown,
  stepCount,
  text,
  users,
  value,
} from "./data.js";
import { $, el } from "./dom.js";
import { startInspector } from "./inspector.js";
import { descend, startChange } from "./change.js";
import { pickNamed, picked, startPaths } from "./paths.js";
import { panelsTold, showPanel, shownPanel, startPanels, togglePanel } from "./panels.js";
import { lightPair, linkedTold, pairs, showLinked, startLinked } from "./linked.js";
import { startSaving } from "./save.js";
import { model, starts } from "./places.js";
import { owed } from "./jacobians.js";
import { spectra } from "./spectrum.js";
import { numbersOf, recompute, recomputed } from "./live.js";
import { guilty, setDifferences } from "./rules.js";
import { change, choose, onChange, readAddress, state, toggle } from "./state.js";
import { fit, moved, repaint, standAt, standing, startView, zoom } from "./view.js";
import { play, startWalk, step } from "./walk.js";

// ---- zooms -----------------------------------------------------------------------------------------------------------

function openOne() {
  if (state.open.size) return change({ rolled: false });
  const chosen =
    state.node !== null && isStep(column[state.node]) && !starts.has(column[state.node]) ? column[state.node] : model();
  change({ rolled: false, open: new Set([chosen]) });
}
const ZOOMS = {
  rolled: () => change({ rolled: true }),
  unrolled: () => change({ rolled: false, open: new Set() }),
  open: openOne,
};
function tellZoom() {
  const now = state.rolled ? "rolled" : state.open.size ? "open" : "unrolled";
  for (const id of Object.keys(ZOOMS)) $(id).setAttribute("aria-pressed", id === now);
}

// ---- search ----------------------------------------------------------------------------------------------------------

let names = null;
function search(wanted) {
  names ??= Array.from({ length: count }, (_, i) => (shown[i] ? name(i) : ""));
  const hits = [];
  const low = wanted.toLowerCase();
  for (let i = 0; i < count; i++) {
    const at = names[i].toLowerCase().indexOf(low);
    if (at >= 0) hits.push([names[i] === wanted ? 0 : at === 0 ? 1 : 2, names[i].length, i]);
  }
  return hits
    .sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2])
    .slice(0, 12)
    .map((hit) => hit[2]);
}

function startSearch() {
  const [input, list] = [$("search"), $("found")];
  let hits = [];
  let at = 0;
  const close = () => {
    list.hidden = true;
    input.setAttribute("aria-expanded", false);
  };
  const take = (i) => {
    close();
    input.value = "";
    input.blur();
    if (shownPanel() !== null) showPanel("node");
    choose(i, { open: ["interior", "backward"].includes(kind(i).class) });
  };
  const draw = () => {
    hits = input.value.trim() ? search(input.value.trim()) : [];
    at = Math.min(at, Math.max(0, hits.length - 1));
    list.replaceChildren(
      ...hits.map((i, k) =>
        el(
          "li",
          {
            role: "option",
            id: `hit${k}`,
            "aria-selected": k === at,
            onpointerdown: (e) => {
              e.preventDefault();
              take(i);
            },
          },
          el("span", {}, name(i)),
          el("small", {}, `${kind(i).op} ${kind(i).type}`),
        ),
      ),
    );
    if (input.value.trim() && hits.length === 0)
      list.replaceChildren(el("li", { class: "none" }, "no node has this in its name"));
    list.hidden = !input.value.trim();
    input.setAttribute("aria-expanded", !list.hidden);
    input.setAttribute("aria-activedescendant", hits.length ? `hit${at}` : "");
  };
  input.addEventListener("input", () => {
    at = 0;
    draw();
  });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (e) => {
    if (e.key === "ArrowDown" || e.key === "ArrowUp") {
      at = Math.max(0, Math.min(hits.length - 1, at + (e.key === "ArrowDown" ? 1 : -1)));
      draw();
      e.preventDefault();
    } else if (e.key === "Enter" && hits.length) take(hits[at]);
    else if (e.key === "Escape") input.blur();
    e.stopPropagation();
  });
}

// ---- keys ------------------------------------------------------------------------------------------------------------

/** The same node of another step. */
function sibling(by) {
  if (state.node === null)
    return choose(find(name(data.reach.layers.at(-1)?.states[0].nodes[by > 0 ? 1 : stepCount - 1] ?? 0)));
  const c = column[state.node] + by;
  if (!isStep(column[state.node]) || c < FIRST || c >= FIRST + stepCount) return undefined;
  const wanted = find(text(kind(state.node).name, c));
  return wanted === null ? undefined : choose(wanted);
}
const neighbour = (nodes) =>
  nodes.length &&
  choose(nodes.find((i) => kind(i).part === kind(state.node).part) ?? nodes[0], { open: state.open.size > 0 });

let lastPanel = "node";
panelsTold.push((panel) => (lastPanel = panel ?? lastPanel));

const KEYS = [
  ["1  2  3", "rolled, unrolled, open", null],
  ["Space", "play the computation, or pause", (e) => (e.preventDefault(), play())],
  [".", "one step of the computation on", () => step(1)],
  [",", "one step back", () => step(-1)],
  ["ArrowRight", "the same node of the next step", () => sibling(1)],
  ["ArrowLeft", "the same node of the step before", () => sibling(-1)],
  ["ArrowUp", "a node that uses the chosen one", () => state.node !== null && neighbour(Array.from(users(state.node)))],
  [
    "ArrowDown",
    "a node that the chosen one is made of",
    () => state.node !== null && neighbour(Array.from(operands(state.node))),
  ],
  [
    "b",
    "from a value to its adjoint, and back",
    () => {
      const other =
        state.node === null ? null : kind(state.node).part === "forward" ? adjoint(state.node) : of(state.node);
      if (other !== null) choose(other);
    },
  ],
  [
    "Enter",
    "open or close the step of the chosen node",
    () =>
      state.node !== null &&
      isStep(column[state.node]) &&
      !starts.has(column[state.node]) &&
      toggle(column[state.node]),
  ],
  ["/", "search", (e) => (e.preventDefault(), $("search").focus())],
  ["p", "paths from a loss to a state", () => togglePanel("paths")],
  ["m", "the matrix in the large, and the equations: what the pointer is on is lit in all three", () => showLinked()],
  ["c", "change numbers, and see", () => !$("change-tab").hidden && togglePanel("change")],
  ["s", "a step of gradient descent, in that panel", () => !$("change-panel").hidden && descend()],
  ["h", "hide or show the panel", () => showPanel(shownPanel() === null ? lastPanel : null)],
  ["+", "larger", () => zoom(1.25)],
  ["-", "smaller", () => zoom(0.8)],
  ["0", "all of the picture in the window (of a very long one, as many steps as can be drawn)", () => fit(true)],
  ["d", "light or dark", () => turn()],
  ["?", "this list", () => ($("help").open ? $("help").close() : $("help").showModal())],
  ["Escape", "choose nothing", () => change({ node: null })],
];
const ARROWS = { ArrowRight: "→", ArrowLeft: "←", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };

function startKeys() {
  $("keys").append(
    ...KEYS.map(([key, words]) =>
      el(
        "tr",
        {},
        el("td", {}, ...key.split("  ").flatMap((k) => [el("kbd", {}, ARROWS[k] ?? k), " "])),
        el("td", {}, words),
      ),
    ),
  );
  document.addEventListener("keydown", press);
}

/** What a key does, wherever it was pressed. */
function press(e) {
  if (e.ctrlKey || e.metaKey || e.altKey || e.target.matches("input[type=search], select, textarea")) return;
  if ($("help").open && e.key !== "?") return;
  if (e.target.matches("button, [role=button], [role=tab]") && (e.key === "Enter" || e.key === " ")) return;
  if (e.target.matches("input[type=range], .panel") && e.key.startsWith("Arrow")) return;
  if ("123".includes(e.key)) Object.values(ZOOMS)[Number(e.key) - 1]();
  const key = e.key === " " ? "Space" : e.key === "=" ? "+" : e.key;
  const found = KEYS.find(([k, , act]) => k === key && act);
  if (!found) return;
  if (e.key.startsWith("Arrow")) e.preventDefault();
  found[2](e);
}

// ---- themes ----------------------------------------------------------------------------------------------------------

const dark = matchMedia("(prefers-color-scheme: dark)");
function turn() {
  const now = document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
  document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
  document.dispatchEvent(new Event("themechange"));
}
dark.addEventListener("change", () => document.dispatchEvent(new Event("themechange")));

// ---- begin -----------------------------------------------------------------------------------------------------------

$("title").textContent = data.title;
// In a frame of a slide or a notebook: the picture alone.
const framed = document.body.classList.contains("embed");
const embed = () => document.body.classList.toggle("embed", framed || /(^#|&)embed\b/.test(location.hash));
embed();
for (const [id, go] of Object.entries(ZOOMS)) $(id).addEventListener("click", go);
$("theme").addEventListener("click", turn);
$("ask").addEventListener("click", () => $("help").showModal());
$("close-help").addEventListener("click", () => $("help").close());
$("larger").addEventListener("click", () => zoom(1.25));
$("smaller").addEventListener("click", () => zoom(0.8));
$("fit").addEventListener("click", () => fit(true));
startView();
startPanels();
startInspector();
startPaths();
startChange();
startLinked();
startSaving();
startWalk();
startSearch();
startKeys();
onChange(tellZoom);
readAddress();
// Where something is wrong, one sees it at once.
if (!location.hash && guilty !== null && isStep(column[guilty])) change({ open: new Set([column[guilty]]) });
addEventListener("hashchange", () => (embed(), readAddress()));

/** For the console: the graph as a program can ask it. */
globalThis.graph = {
  count,
  name,
  find,
  kind,
  value,
  operands,
  users,
  adjoint,
  equation,
  choose,
  notes: data.notes,
  numbers: numbersOf,
  recompute,
  owed,
  spectra,
  lanes: data.reach.layers,
  steps: data.steps,
  // For a page that has this one beside another.
  state,
  change,
  onChange,
  recomputed,
  moved,
  standing,
  standAt,
  fit,
  play,
  repaint,
  setDifferences,
  showLinked,
  linkedTold,
  pairs,
  lightPair,
  picked,
  pickNamed,
  panelsTold,
  shownPanel,
  showPanel,
  members: (i) => box(column[i], kind(i).block, kind(i).part) ?? [i],
  shown: (i) => Boolean(shown[i]),
  keys: KEYS.filter(([key]) => key !== "/").map(([key, words]) => [key.split("  ").map((k) => ARROWS[k] ?? k), words]),
  press,
};
document.documentElement.dataset.ready = Math.round(performance.now());
