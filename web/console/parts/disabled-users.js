/**
 * Disabled users as rows of a table. Owns which there are; invariant: each user once.
 *
 * @module
 */

/** @import {DisabledUser} from "../model.js" */
/** @import {Column} from "./table.js" */

import { fill, h, icon } from "../dom.js";
import { me } from "../me.js";
import { linkTo } from "../router.js";
import { timeOf } from "../time.js";
import { focusedRow, focusRow, row, table } from "./table.js";

export class DisabledUsers {
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();
  #columns = columns();
  #enable;

  /** @param {(user: string) => void} enable */
  constructor(enable) {
    this.#enable = enable;
    const { element, body } = table("Disabled users", this.#columns);
    element.hidden = true;
    this.element = element;
    this.body = body;
  }

  get size() {
    return this.#rows.size;
  }

  /**
   * Adds a user, or shows since when it is disabled by now.
   * @param {DisabledUser} user
   */
  put({ user_id: user, disabled_at }, isFirst = false) {
    const known = this.#rows.get(user);
    if (known) return void known.querySelector("time")?.replaceWith(timeOf(disabled_at));
    const cells = [
      h("a", { class: "name", href: linkTo("users", user), title: user }, user),
      timeOf(disabled_at),
      h("a", { href: linkTo("audit", null, { user, type: "disabled" }), "aria-label": `In the audit: who disabled ${user}, and why` }, "In the audit"),
      h("button", { type: "button", "aria-label": `Enable ${user}`, on: { click: () => this.#enable(user) } }, icon("check"), "Enable"),
    ];
    const made = row(this.#columns, cells.slice(0, this.#columns.length), { data: { id: user } });
    this.#rows.set(user, made);
    if (isFirst) made.classList.add("arrived");
    if (isFirst) this.body.prepend(made);
    else this.body.append(made);
  }

  /** @param {string} user whose row's neighbour is looked for */
  besides(user) {
    const known = this.#rows.get(user);
    return /** @type {HTMLElement | null} */ (known?.nextElementSibling ?? known?.previousElementSibling ?? null);
  }

  /** @param {string} user */
  remove(user) {
    const gone = this.#rows.get(user);
    if (!gone) return;
    const next = this.besides(user);
    this.#rows.delete(user);
    if (gone.contains(document.activeElement)) focusRow(next ?? document.querySelector("h1"));
    gone.remove();
  }

  enableCurrent() {
    const user = focusedRow(this.body)?.dataset.id;
    if (user !== undefined) this.#enable(user);
  }

  clear() {
    this.#rows.clear();
    fill(this.body);
  }
}

/** @returns {Column[]} */
function columns() {
  const all = [{ label: "User" }, { label: "Disabled" }, { label: "By whom, and why" }, { label: "Enable", kind: "act" }];
  return me.mayAct ? all : all.slice(0, -1);
}
