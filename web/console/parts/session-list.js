/**
 * Sessions as rows of a table: loaded page by page, added and taken away as they come and go, chosen and sorted.
 *
 * @module
 */

/** @import {Session} from "../../sdk/model.js" */
/** @import {Query} from "../api.js" */
/** @import {SessionPresence} from "../model.js" */

import { h } from "../dom.js";
import { RecentMap } from "./recent-map.js";
import { columnsFor, sessionRow } from "./session-row.js";
import { SessionRows } from "./session-rows.js";
import { nobody, notAmong } from "./strangers.js";
import { focusedRow, table } from "./table.js";
import { Walk } from "./walk.js";

/** How many that came or ended are remembered. */
const REMEMBERED = 500;

export class SessionList {
  /** @type {RecentMap<Session>} newcomers since the list was loaded */
  #meanwhile = new RecentMap(REMEMBERED);
  /** @type {RecentMap<true>} that ended: an answer on its way may still have them */
  #over = new RecentMap(REMEMBERED);
  /** @type {{user: string, node: Node} | null} below the list: the way to whom it does not have */
  #offered = null;
  #tell;
  #rows;
  #table;
  #walk;

  /**
   * @param {AbortSignal} signal
   * @param {{selected: (sessions: Session[]) => void, shown: (count: number, isAll: boolean) => void, end: (session: Session) => void}} tell
   */
  constructor(signal, tell) {
    this.#tell = tell;
    const options = { select: () => tell.selected(this.selected()), end: tell.end };
    const columns = columnsFor(options, (by, direction) => this.#rows.sort(by, direction));
    const { element, body } = table("Live sessions", columns);
    this.#table = element;
    this.body = body;
    this.#rows = new SessionRows(body, (session) => sessionRow(session, columns, options));
    this.#walk = new Walk(
      {
        path: "sessions",
        member: "sessions",
        clear: () => this.#clear(),
        put: (session) => this.#over.has(session.id) || this.#put(session),
        count: () => this.#rows.size,
        empty: nobody,
        last: ({ q }) => (q ? this.#stranger(`${q}`) : null),
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
    for (const session of this.#meanwhile.values()) if (!this.#rows.has(session.id)) this.arrive(session);
  }

  /** @param {Session} session that came just now: it is shown first */
  arrive(session) {
    if (this.#over.has(session.id)) return;
    this.#meanwhile.set(session.id, session);
    this.#put(session, true);
    this.#walk.showFoot();
  }

  /** @param {SessionPresence} presence */
  move(presence) {
    this.#rows.move(presence);
  }

  inView() {
    return this.#rows.inView();
  }

  has(/** @type {string} */ id) {
    return this.#rows.has(id);
  }

  /** It is no longer one of those that are wanted, and may come again. One that is selected stays. */
  leave(/** @type {string} */ id) {
    this.#meanwhile.delete(id);
    if (this.has(id) && !this.selected().some((session) => session.id === id)) this.#rows.fade(id, () => this.#walk.showFoot(), "left");
  }

  /** It ended. */
  remove(/** @type {string} */ id) {
    this.#over.set(id, true);
    this.#meanwhile.delete(id);
    this.#rows.fade(id, () => this.#walk.showFoot());
    this.#tell.selected(this.selected());
  }

  selected() {
    const boxes = /** @type {NodeListOf<HTMLInputElement>} */ (this.body.querySelectorAll("input:checked:enabled"));
    return [...boxes].flatMap(({ value }) => this.#rows.get(value) ?? []);
  }

  /** What was chosen, else the row that has the focus. */
  selectedOrCurrent() {
    const selected = this.selected();
    const current = this.#rows.get(focusedRow(this.body)?.dataset.id);
    return selected.length === 0 && current ? [current] : selected;
  }

  toggleCurrent() {
    /** @type {HTMLInputElement | null | undefined} */ (focusedRow(this.body)?.querySelector("input"))?.click();
  }

  selectNone() {
    for (const box of this.body.querySelectorAll("input")) box.checked = false;
    this.#tell.selected([]);
  }

  /**
   * Adds a session, or shows how it is connected by now.
   * @param {Session} session
   */
  #put(session, isFirst = false) {
    if (this.#rows.has(session.id)) this.#rows.move(session);
    else this.#rows.add(session, isFirst);
  }

  /** @param {string} user who is looked for by its whole id, perhaps */
  #stranger(user) {
    if (this.#rows.hasUser(user)) return null;
    if (this.#offered?.user !== user) this.#offered = { user, node: notAmong(user) };
    return this.#offered.node;
  }

  #clear() {
    this.#rows.clear();
    this.#table.hidden = true;
    this.#tell.selected([]);
  }
}
