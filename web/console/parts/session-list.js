/**
 * Sessions as rows of a table: loaded page by page, added and taken away as they come and go, chosen and sorted.
 *
 * @module
 */

/** @import {Session} from "../../sdk/model.js" */
/** @import {Query} from "../api.js" */

import { h } from "../dom.js";
import { RecentMap } from "./recent-map.js";
import { columnsFor, sessionRow } from "./session-row.js";
import { nothing } from "./states.js";
import { focusedRow, table } from "./table.js";
import { Walk } from "./walk.js";

/** How long a row that ended is still seen. */
const FADE_MS = 1600;
/** How many that came or ended are remembered. */
const REMEMBERED = 500;

export class SessionList {
  /** @type {Map<string, {session: Session, element: HTMLTableRowElement}>} */
  #rows = new Map();
  /** @type {RecentMap<Session>} newcomers since the list was loaded */
  #meanwhile = new RecentMap(REMEMBERED);
  /** @type {RecentMap<true>} that ended: an answer on its way may still have them */
  #over = new RecentMap(REMEMBERED);
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
    this.#walk = new Walk(
      {
        path: "sessions",
        member: "sessions",
        clear: () => this.#clear(),
        put: (session) => this.#over.has(session.id) || this.put(session),
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
  async load(filter) {
    this.#meanwhile.clear();
    await this.#walk.begin(filter);
    // Who came after the store had answered and before the answer was here.
    for (const session of this.#meanwhile.values()) if (!this.#rows.has(session.id)) this.put(session, { justNow: true });
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
    this.#meanwhile.set(session.id, session);
    element.classList.add("arrived");
    this.body.prepend(element);
    this.#walk.showFoot();
  }

  /** It ended: seen for a moment still, so that the eye can follow. */
  remove(/** @type {string} */ id) {
    this.#over.set(id, true);
    this.#meanwhile.delete(id);
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
    const current = this.#rows.get(focusedRow(this.body)?.dataset.id ?? "");
    return selected.length === 0 && current ? [current.session] : selected;
  }

  toggleCurrent() {
    /** @type {HTMLInputElement | null | undefined} */ (focusedRow(this.body)?.querySelector("input"))?.click();
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

/** @param {boolean} isFiltered */
function empty(isFiltered) {
  if (isFiltered) return nothing("No session matches", "Nobody is signed in who fits the search and the filters.");
  return nothing("Nobody is signed in", "Sessions appear here as soon as somebody signs in.");
}
