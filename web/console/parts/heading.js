/**
 * The head of a page: its title, a word about what is below, and what can be done here.
 *
 * @module
 */

import { h } from "../dom.js";

/**
 * @param {string} title
 * @param {string} lead
 * @param {...(Node | null | false)} actions
 */
export function heading(title, lead, ...actions) {
  const words = h("div", null, h("h1", { tabindex: "-1" }, title), h("p", { class: "quiet" }, lead));
  return h("div", { class: "heading" }, words, h("div", { class: "heading-actions" }, actions));
}

/**
 * @param {string} title
 * @param {...(Node | string | null | false)} content
 */
export function panel(title, ...content) {
  return h("section", { class: "panel", "aria-label": title }, h("h2", null, title), content);
}

/**
 * A word with a colour.
 * @param {string} text
 * @param {string} [tone] good, warn, bad, accent or none
 */
export function badge(text, tone = "") {
  return h("span", { class: `badge ${tone}`.trim() }, text);
}

/** Whether the head of the page is in view: then what is below may be exchanged without moving it from under anybody. */
export function isAtTop() {
  return scrollY < 200;
}
