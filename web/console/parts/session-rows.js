/**
 * The rows of a table of sessions, by session. Owns which there are and what they show; invariant: no more than
 * `MAX_ROWS`, of which the last goes first.
 *
 * @module
 */

/** @import {Session} from "../../sdk/model.js" */
/** @import {SessionPresence} from "../model.js" */

import { movePresence } from "./session-row.js";
import { MAX_SHOWN } from "./walk.js";

/** How long a row that ended is still seen. */
const FADE_MS = 1600;
/** More than a screen shows. */
const MAX_IN_VIEW = 40;

export class SessionRows {
  /** @type {Map<string, {session: Session, element: HTMLTableRowElement}>} */
  #rows = new Map();
  #make;

  /**
   * @param {HTMLElement} body
   * @param {(session: Session) => HTMLTableRowElement} make
   */
  constructor(body, make) {
    this.body = body;
    this.#make = make;
  }

  get size() {
    return this.#rows.size;
  }

  has(/** @type {string} */ id) {
    return this.#rows.has(id);
  }

  /** @param {string} user */
  hasUser(user) {
    return [...this.#rows.values()].some(({ session }) => session.user_id === user);
  }

  /** @param {string | undefined} id */
  get(id) {
    return this.#rows.get(id ?? "")?.session;
  }

  /**
   * @param {Session} session that is not there yet
   * @param {boolean} isFirst else it comes last, but before the older ones of its user that stand there: the store lists
   *   a user's oldest first
   */
  add(session, isFirst) {
    const element = this.#make(session);
    this.#rows.set(session.id, { session, element });
    if (!isFirst) return this.body.insertBefore(element, this.#olderAtTheEnd(session));
    element.classList.add("arrived");
    this.body.prepend(element);
    if (this.size <= MAX_SHOWN) return;
    const last = /** @type {HTMLElement} */ (this.body.lastElementChild);
    this.#rows.delete(last.dataset.id ?? "");
    last.remove();
  }

  /** @param {Session} session the first of its user's at the end of which all are older */
  #olderAtTheEnd({ user_id, generation }) {
    let first = null;
    for (let row = this.body.lastElementChild; row; row = row.previousElementSibling) {
      const other = this.get(/** @type {HTMLElement} */ (row).dataset.id);
      if (other?.user_id !== user_id || other.generation > generation) break;
      first = row;
    }
    return first;
  }

  /** @param {SessionPresence} presence of a session that may be there */
  move(presence) {
    const row = this.#rows.get(presence.id);
    if (row) movePresence(row.element, row.session, presence);
  }

  /**
   * It ended, or is not wanted any more: seen for a moment still, so that the eye can follow.
   * @param {string} id
   * @param {() => void} gone called when the row is no longer seen
   * @param {"gone" | "left"} look
   */
  fade(id, gone, look = "gone") {
    const element = this.#rows.get(id)?.element;
    if (!element) return;
    this.#rows.delete(id);
    element.classList.add(look);
    for (const control of element.querySelectorAll("input, button")) control.setAttribute("disabled", "");
    setTimeout(() => {
      const next = element.nextElementSibling ?? element.previousElementSibling;
      if (element.contains(document.activeElement)) /** @type {HTMLElement | null} */ (next)?.focus();
      element.remove();
      gone();
    }, FADE_MS);
  }

  /**
   * @param {(session: Session) => string | number} by
   * @param {1 | -1} direction
   */
  sort(by, direction) {
    const rows = [...this.#rows.values()].map(({ element, session }) => ({ element, key: by(session) }));
    rows.sort((a, b) => (a.key < b.key ? -direction : a.key > b.key ? direction : 0));
    this.body.append(...rows.map(({ element }) => element));
  }

  /** Those on the screen. */
  inView() {
    const rows = /** @type {HTMLElement[]} */ ([...this.body.children]);
    const inView = rows.filter((row) => {
      const { top, bottom } = row.getBoundingClientRect();
      return bottom > 0 && top < innerHeight;
    });
    return inView.slice(0, MAX_IN_VIEW).flatMap(({ dataset }) => this.get(dataset.id) ?? []);
  }

  clear() {
    this.#rows.clear();
    this.body.replaceChildren();
  }
}
