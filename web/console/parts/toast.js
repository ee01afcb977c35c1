/**
 * A word about what was done, for a while; and the same words for screen readers.
 *
 * @module
 */

import { byId, h, icon } from "../dom.js";

const SHOWN_MS = 6000;

/**
 * @param {string} text
 * @param {"good" | "bad" | "info" | "warning" | "critical"} [tone]
 */
export function toast(text, tone = "good") {
  const close = h("button", { type: "button", class: "bare", "aria-label": "Dismiss", on: { click: () => bubble.remove() } }, icon("close"));
  const bubble = h("div", { class: `toast ${tone}` }, icon(tone === "good" ? "check" : "warning"), h("p", null, text), close);
  byId("toasts").append(bubble);
  // What went wrong, and what somebody wrote to this person, stays until it was read.
  if (tone === "good") setTimeout(() => bubble.remove(), SHOWN_MS);
}
