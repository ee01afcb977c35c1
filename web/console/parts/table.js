/**
 * Tables that stay tables for screen readers when a narrow screen shows them as cards, and that the arrow keys walk.
 *
 * @module
 */

/** @import {Child} from "../dom.js" */

import { h } from "../dom.js";

/**
 * @typedef {object} Column
 * @property {string} label
 * @property {string} [kind] `number`, or `check` or `act` where a box or buttons need no name above them
 * @property {(direction: 1 | -1) => void} [sort] sorts what is loaded
 */

/**
 * @param {string} caption
 * @param {Column[]} columns
 */
export function table(caption, columns) {
  const body = h("tbody", { role: "rowgroup" });
  const heads = columns.map((column) => headOf(column));
  const element = h(
    "table",
    { role: "table" },
    h("caption", { class: "unseen" }, caption),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads)),
    body,
  );
  body.addEventListener("keydown", (event) => walk(body, event));
  return { element, body, heads };
}

/** @param {Column} column */
function headOf({ label, kind = "", sort }) {
  if (!sort) return h("th", { scope: "col", role: "columnheader", class: kind }, ["check", "act"].includes(kind) ? h("span", { class: "unseen" }, label) : label);
  const head = h("th", { scope: "col", role: "columnheader", class: kind, "aria-sort": "none" });
  const sorted = () => {
    const ascending = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentElement?.querySelectorAll("[aria-sort]") ?? []) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    sort(ascending ? 1 : -1);
  };
  head.append(h("button", { type: "button", class: "sort", on: { click: sorted } }, label));
  return head;
}

/**
 * @param {Column[]} columns
 * @param {(Child | Child[])[]} cells one a column
 * @param {Record<string, unknown>} [properties] of the row
 */
export function row(columns, cells, properties = {}) {
  const made = cells.map((cell, at) => {
    const { label, kind = "" } = columns[at];
    return h("td", { role: "cell", class: kind, data: { label } }, ...[cell].flat());
  });
  return h("tr", { role: "row", tabindex: "-1", ...properties }, made);
}

/**
 * Moves the focus from row to row; Enter goes where the row's first link goes.
 * @param {HTMLElement} body
 * @param {KeyboardEvent} event
 */
function walk(body, event) {
  const current = focusedRow(body);
  if (!current || event.target instanceof HTMLInputElement && event.key === " ") return;
  if (event.key === "Enter" && document.activeElement === current) current.querySelector("a")?.click();
  const next = { ArrowDown: current.nextElementSibling, ArrowUp: current.previousElementSibling, Home: body.firstElementChild, End: body.lastElementChild }[event.key];
  if (next === undefined || next === null) return;
  event.preventDefault();
  focusRow(/** @type {HTMLElement} */ (next));
}

/** @param {HTMLElement} body */
export function focusedRow(body) {
  const row = document.activeElement?.closest("tr");
  return row && body.contains(row) ? row : null;
}

/** @param {HTMLElement | null | undefined} element a row */
export function focusRow(element) {
  element?.focus();
  element?.scrollIntoView({ block: "nearest" });
}

/**
 * Shortcuts for whoever is not in the table yet.
 * @param {HTMLElement} body
 * @returns {import("../keys.js").Shortcut[]}
 */
export function rowShortcuts(body) {
  const enter = () => {
    if (!body.contains(document.activeElement)) focusRow(/** @type {HTMLElement | null} */ (body.querySelector("tr")));
  };
  return [
    { keys: "ArrowDown", label: "Down the rows", run: enter },
    { keys: "ArrowUp", label: "Up the rows", run: enter },
  ];
}
