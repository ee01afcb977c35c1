/**
 * What a page shows instead of what it should: that it is on its way, that there is none, that it went wrong.
 *
 * @module
 */

import { HotseatError } from "../../sdk/hotseat.js";
import { isAbort } from "../api.js";
import { h, icon } from "../dom.js";
import { sentenceFor } from "../sentences.js";

/** @param {number} lines */
export function skeleton(lines) {
  const bars = Array.from({ length: lines }, () => h("div", { class: "bar" }));
  return h("div", { class: "skeleton", role: "status", "aria-label": "Loading" }, bars);
}

/**
 * @param {string} title
 * @param {string} text
 * @param {...Node} further
 */
export function nothing(title, text, ...further) {
  return h("div", { class: "nothing" }, h("p", { class: "nothing-title" }, title), h("p", null, text), further);
}

/**
 * @param {unknown} error
 * @param {() => void} again
 */
export function failure(error, again) {
  if (!(error instanceof HotseatError)) throw error;
  const title = error.type === "store-unavailable" ? "The store is away" : error.status === 0 ? "No answer" : "This can’t be shown";
  return h(
    "div",
    { class: "failure", role: "alert" },
    icon("warning"),
    h("div", null, h("p", { class: "nothing-title" }, title), h("p", null, sentenceFor(error))),
    h("button", { type: "button", on: { click: again } }, icon("again"), "Try again"),
  );
}

/**
 * Shows a skeleton, then what `load` makes, or why it could not; an answer that nobody waits for is dropped.
 * @param {Element} place
 * @param {number} lines of the skeleton
 * @param {() => Promise<Node[]>} load
 */
export async function showWhenLoaded(place, lines, load) {
  place.replaceChildren(skeleton(lines));
  try {
    place.replaceChildren(...(await load()));
  } catch (error) {
    if (!isAbort(error)) place.replaceChildren(failure(error, () => showWhenLoaded(place, lines, load)));
  }
}
