/**
 * A walk over a long list, page by page, by the cursor of the page before. A newer question makes an older one stop,
 * whose answer nobody sees.
 *
 * @module
 */

/** @import {Query} from "../api.js" */

import { isAbort, read } from "../api.js";
import { announce, fill, h } from "../dom.js";
import { countOf } from "../words.js";
import { showFailure, skeleton } from "./states.js";

const PAGE = 100;
/** A page may end early because it has used its time: how often in a row the next one is asked for by itself. */
const PATIENCE = 40;
/** More than this nobody reads, and a browser gets slow. */
export const MAX_SHOWN = 5000;

/**
 * @template T
 * @typedef {object} List what the walk fills
 * @property {string} path of the call
 * @property {string} member of its answer
 * @property {() => void} clear
 * @property {(item: T) => void} put at the end
 * @property {() => number} count
 * @property {(filter: Query) => Node} empty what to show instead
 * @property {(filter: Query) => Node | null} [last] what to show below the last one; the same node while it says the same
 * @property {(isAll: boolean) => void} [shown]
 */

/** @template T */
export class Walk {
  #list;
  #signal;
  /** @type {AbortController | null} */
  #asking = null;
  /** Whether the last answer did not come, which the foot says until another try. */
  #isStuck = false;
  /** @type {Query} */
  #filter = {};
  /** @type {string | null} */
  #cursor = null;
  #more = h("button", { type: "button", on: { click: () => this.#goOn() } }, "Load more");

  /**
   * @param {List<T>} list
   * @param {AbortSignal} signal when to stop
   */
  constructor(list, signal) {
    this.#list = list;
    this.#signal = signal;
    /** What stands below the list. */
    this.foot = h("div", { class: "below" });
    // Scrolling reads on; the button is for whoever does not scroll.
    const near = new IntersectionObserver(([entry]) => entry.isIntersecting && this.#goOn(), { rootMargin: "400px" });
    near.observe(this.#more);
    signal.addEventListener("abort", () => near.disconnect());
  }

  /** @param {Query} filter */
  async begin(filter) {
    this.#filter = { ...filter };
    this.#cursor = null;
    this.foot.setAttribute("aria-busy", "true");
    if (this.#list.count() === 0) this.foot.replaceChildren(skeleton(8));
    await this.#ask(true);
  }

  async #goOn() {
    if (this.#cursor && !this.#asking && this.#list.count() < MAX_SHOWN) await this.#ask(false);
  }

  /** Asks until something came, there is no more, or the patience is over. */
  async #ask(/** @type {boolean} */ anew) {
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    this.#isStuck = false;
    try {
      await this.#read(AbortSignal.any([asking.signal, this.#signal]), anew);
      this.#asking = null;
      this.showFoot();
      // Not each change of the count: on a busy system that would never fall silent.
      announce(`${countOf(this.#list.count())} loaded${this.#cursor ? ", and there are more" : ""}.`);
    } catch (error) {
      if (isAbort(error)) return;
      // What came before it failed stands, and is gone on from.
      const isBegun = !anew || this.#cursor !== null;
      if (!isBegun) this.#list.clear();
      this.#isStuck = true;
      this.#list.shown?.(false);
      showFailure(this.foot, error, () => (isBegun ? this.#ask(false) : this.begin(this.#filter)));
    }
    this.foot.removeAttribute("aria-busy");
    this.#asking = null;
  }

  /**
   * Shows each page as it comes: one that was read is not lost with the one behind it.
   * @param {AbortSignal} signal
   * @param {boolean} anew whether the first replaces what is shown
   */
  async #read(signal, anew) {
    let found = 0;
    for (let round = 0; round < PATIENCE && found < PAGE / 2 && (round === 0 || this.#cursor); round++) {
      const page = await read(this.#list.path, { ...this.#filter, limit: PAGE, cursor: this.#cursor }, signal);
      // An answer that was there already when the question was given up.
      signal.throwIfAborted();
      if (anew && round === 0) this.#list.clear();
      for (const item of page[this.#list.member]) this.#list.put(item);
      found += page[this.#list.member].length;
      this.#cursor = page.next_cursor;
      this.#list.shown?.(false);
    }
  }

  /** Says what is below; to be called after rows came or went by themselves. */
  showFoot() {
    const count = this.#list.count();
    // Before the answer is here nobody knows whether that is all.
    if (this.#asking || this.#isStuck) return this.#list.shown?.(false);
    this.#list.shown?.(!this.#cursor);
    if (count >= MAX_SHOWN) this.foot.replaceChildren(h("p", { class: "quiet" }, `${countOf(MAX_SHOWN)} are shown. Search to see others.`));
    else if (this.#cursor) this.foot.replaceChildren(this.#more);
    else if (count === 0) this.foot.replaceChildren(this.#list.empty(this.#filter));
    else {
      const last = this.#list.last?.(this.#filter) ?? null;
      if (this.foot.firstChild !== last || this.foot.childElementCount > 1) fill(this.foot, last);
    }
  }
}
