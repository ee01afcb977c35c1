/**
 * An `EventTarget` whose listeners know what they get.
 *
 * @module
 */

/** @import {HotseatEvents} from "./model.js" */

export class Emitter extends EventTarget {
  /**
   * @template {keyof HotseatEvents} T
   * @overload
   * @param {T} type
   * @param {(event: HotseatEvents[T]) => void} listener
   * @param {boolean | AddEventListenerOptions} [options]
   * @returns {void}
   */
  /**
   * @overload
   * @param {string} type
   * @param {EventListenerOrEventListenerObject | null} listener
   * @param {boolean | AddEventListenerOptions} [options]
   * @returns {void}
   */
  /**
   * @param {string} type
   * @param {any} listener
   * @param {boolean | AddEventListenerOptions} [options]
   */
  addEventListener(type, listener, options) {
    super.addEventListener(type, listener, options);
  }

  /**
   * @protected
   * @template {keyof HotseatEvents} T
   * @param {T} type
   * @param {HotseatEvents[T]["detail"]} detail
   */
  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
