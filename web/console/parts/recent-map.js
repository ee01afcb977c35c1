/**
 * A map that keeps the latest few: what was added first goes first.
 *
 * @module
 */

/**
 * @template V
 * @extends {Map<string, V>}
 */
export class RecentMap extends Map {
  #size;

  /** @param {number} size */
  constructor(size) {
    super();
    this.#size = size;
  }

  /**
   * @param {string} key
   * @param {V} value
   */
  set(key, value) {
    super.set(key, value);
    if (this.size > this.#size) this.delete(/** @type {string} */ (this.keys().next().value));
    return this;
  }
}
