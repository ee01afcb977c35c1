/**
 * Sessions as rows of a table: loaded page by page, added and taken away as they come and go, chosen and sorted.
 *
 * @module
 */

/** @import {Session} from "../../sdk/model.js" */
/** @import {Query} from "../api.js" */

import { h } from "../dom.js";
import { columnsFor, sessionRow } from "./session-row.js";
import { nothing } from "./states.js";
import { table } from "./table.js";
import { Walk } from "./walk.js";

/** How long a row that ended is still seen. */
const FADE_MS = 1600;

/** @typedef {{session: Session, element: HTMLTableRowElement}} Row */

export class SessionList {
  /** @type {Map<string, Row>} */
  #rows = new Map();
  #tell;
  #options;
  #columns;
  #table;
  #walk;

  /**
   * @param {AbortSignal} signal
   * @param {{selected: (sessions: Session[]) => void, shown: (count: number, isAll: boolean) => void, end: (session: Session) => void}} tell
   */
  constructor(signal, tell) {
    this.#tell = tell;
    this.#options = { select: () => this.#tell.selected(this.selected()), end: tell.end };
    this.#columns = columnsFor(this.#options, (by, direction) => this.#sort(by, direction));
    const { element, body } = table("Live sessions", this.#columns);
    this.#table = element;
    this.body = body;
    /** @type {Walk<Session>} */
    this.#walk = new Walk(
      {
        path: "sessions",
        member: "sessions",
        clear: () => this.#clear(),
        put: (session) => this.put(session),
        count: () => this.#rows.size,
        empty,
        shown: (isAll) => {
          element.hidden = this.#rows.size === 0;
          tell.shown(this.#rows.size, isAll);
        },
      },
      signal,
    );
    this.element = h("div", { class: "table-frame" }, element, this.#walk.foot);
  }

  /** @param {Query} filter shows what it lets through, from the beginning */
  load(filter) {
    return this.#walk.begin(filter);
  }

  /**
   * Adds a session, or shows it as it is now.
   * @param {Session} session
   * @param {{justNow?: boolean}} [how] `justNow`: it comes first
   */
  put(session, { justNow = false } = {}) {
    const element = sessionRow(session, this.#columns, this.#options);
    const known = this.#rows.get(session.id);
    this.#rows.set(session.id, { session, element });
    if (known) return known.element.replaceWith(element);
    if (!justNow) return this.body.append(element);
    element.classList.add("arrived");
    this.body.prepend(element);
    this.#walk.showFoot();
  }

  has(/** @type {string} */ id) {
    return this.#rows.has(id);
  }

  /** It ended: seen for a moment still, so that the eye can follow. */
  remove(/** @type {string} */ id) {
    const known = this.#rows.get(id);
    if (!known) return;
    this.#rows.delete(id);
    known.element.classList.add("gone");
    for (const control of known.element.querySelectorAll("input, button")) control.setAttribute("disabled", "");
    this.#tell.selected(this.selected());
    setTimeout(() => {
      const next = known.element.nextElementSibling ?? known.element.previousElementSibling;
      if (known.element.contains(document.activeElement)) /** @type {HTMLElement | null} */ (next)?.focus();
      known.element.remove();
      this.#walk.showFoot();
    }, FADE_MS);
  }

  selected() {
    const boxes = /** @type {NodeListOf<HTMLInputElement>} */ (this.body.querySelectorAll("input:checked:enabled"));
    return [...boxes].flatMap(({ value }) => this.#rows.get(value)?.session ?? []);
  }

  /** What was chosen, else the row that has the focus. */
  selectedOrCurrent() {
    const selected = this.selected();
    const current = this.#rows.get(currentRow(this.body)?.dataset.id ?? "");
    return selected.length === 0 && current ? [current.session] : selected;
  }

  toggleCurrent() {
    /** @type {HTMLInputElement | null | undefined} */ (currentRow(this.body)?.querySelector("input"))?.click();
  }

  selectNone() {
    for (const box of this.body.querySelectorAll("input")) box.checked = false;
    this.#tell.selected([]);
  }

  #clear() {
    this.#rows.clear();
    this.#table.hidden = true;
    this.body.replaceChildren();
    this.#tell.selected([]);
  }

  /**
   * @param {(session: Session) => string | number} by
   * @param {1 | -1} direction
   */
  #sort(by, direction) {
    const rows = [...this.#rows.values()].map((row) => ({ element: row.element, key: by(row.session) }));
    rows.sort((a, b) => (a.key < b.key ? -direction : a.key > b.key ? direction : 0));
    this.body.append(...rows.map(({ element }) => element));
  }
}

/** @param {HTMLElement} body */
function currentRow(body) {
  const row = document.activeElement?.closest("tr");
  return row && body.contains(row) ? row : null;
}

/** @param {boolean} isFiltered */
function empty(isFiltered) {
  if (isFiltered) return nothing("No session matches", "Nobody is signed in who fits the search and the filters.");
  return nothing("Nobody is signed in", "Sessions appear here as soon as somebody signs in.");
}
