// The panels at the right: which is shown, and whether any is. Each says what it does when it comes and goes.

import { $ } from "./dom.js";

const NAMES = ["node", "paths", "change"];
const shows = new Map();
let panel = "node";

/** What a panel does when it is shown, and when it is left. */
export const onPanel = (name, show) => shows.set(name, show);

/** What is told which panel is shown, or null where the panels are hidden. */
export const panelsTold = [];

const isHidden = () => document.body.classList.contains("wide");
export const shownPanel = () => (isHidden() ? null : panel);

/** Shows one of the panels, or with null none. With `focus` the keys go there. */
export function showPanel(wanted, { focus = false } = {}) {
  const before = shownPanel();
  document.body.classList.toggle("wide", wanted === null);
  if (wanted !== null) panel = wanted;
  for (const one of NAMES) {
    $(`${one}-tab`).setAttribute("aria-selected", one === panel);
    $(`${one}-panel`).hidden = one !== panel;
  }
  if (wanted !== null) for (const one of NAMES) shows.get(one)?.(one === panel);
  if (focus && wanted !== null) $(`${panel}-panel`).focus({ preventScroll: true });
  if (shownPanel() !== before) panelsTold.forEach((tell) => tell(shownPanel()));
}

/** A key that shows a panel and puts the focus there; again, and it goes back to the first. */
export function togglePanel(wanted) {
  if (shownPanel() !== wanted) return showPanel(wanted, { focus: true });
  showPanel("node");
  $("window").focus({ preventScroll: true });
  return undefined;
}

export function startPanels() {
  for (const one of NAMES) $(`${one}-tab`).addEventListener("click", () => showPanel(one));
}
