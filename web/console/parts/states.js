/**
 * What a page shows instead of what it should: that it is on its way, that there is none, that it went wrong.
 *
 * @module
 */

import { HotseatError } from "../../sdk/hotseat.js";
import { isAbort } from "../api.js";
import { h, icon, say } from "../dom.js";
import { sentenceFor } from "../sentences.js";
import { clock, clockOf } from "../time.js";

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
 * Says in `place`, instead of all that is there, why it can't be shown. Where that is said already, what is new is put
 * in: a keyboard's focus on "Try again" outlives the tries, those of a clock too.
 * @param {Element} place
 * @param {unknown} error
 * @param {() => Promise<void>} again shows what there is then, or fails again
 */
export function showFailure(place, error, again) {
  if (!(error instanceof HotseatError)) throw error;
  const panel = place.firstElementChild;
  const tell = panel && place.childElementCount === 1 ? failures.get(panel) : undefined;
  if (tell) return tell(error, again);
  place.replaceChildren(failure(place, error, again));
}

/** @type {WeakMap<Element, (error: HotseatError, again: () => Promise<void>) => void>} how each that is shown is told news */
const failures = new WeakMap();

/**
 * @param {Element} place
 * @param {HotseatError} error
 * @param {() => Promise<void>} again
 */
function failure(place, error, again) {
  const [title, text, tried] = [h("p", { class: "nothing-title" }), h("p"), h("p", { class: "quiet" })];
  const verb = h("span", null, "Try again");
  const button = h("button", { type: "button", on: { click: () => retry() } }, icon("again"), verb);
  const panel = h("div", { class: "failure", role: "alert" }, icon("warning"), h("div", null, title, text, tried), button);
  let next = again;
  let isTrying = false;
  const tell = (/** @type {HotseatError} */ news, /** @type {() => Promise<void>} */ then) => {
    next = then;
    say(title, news.type === "store-unavailable" ? "The store is away" : news.status === 0 ? "No answer" : "This can’t be shown");
    say(text, sentenceFor(news));
  };
  const retry = async () => {
    if (isTrying) return;
    isTrying = true;
    say(verb, "Trying…");
    // Not disabled: that would take the focus away.
    button.setAttribute("aria-disabled", "true");
    await next();
    isTrying = false;
    say(verb, "Try again");
    button.removeAttribute("aria-disabled");
    if (panel.isConnected) return say(tried, `Tried at ${clockOf(clock.now())}, in vain.`);
    if (document.activeElement !== document.body) return;
    const heir = /** @type {HTMLElement | null} */ (place.querySelector(".failure button") ?? document.querySelector("main h1"));
    heir?.focus({ preventScroll: true });
  };
  tell(error, again);
  failures.set(panel, tell);
  return panel;
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
    if (!isAbort(error)) showFailure(place, error, () => showWhenLoaded(place, lines, load));
  }
}
