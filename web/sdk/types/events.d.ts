/**
 * An `EventTarget` whose listeners know what they get.
 *
 * @module
 */
import type { HotseatEvents } from "./model.js";
/** @import {HotseatEvents} from "./model.js" */
export declare class Emitter extends EventTarget {
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
    addEventListener<T extends keyof HotseatEvents>(type: T, listener: (event: HotseatEvents[T]) => void, options?: boolean | AddEventListenerOptions): void;
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
    addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
    /**
     * @protected
     * @template {keyof HotseatEvents} T
     * @param {T} type
     * @param {HotseatEvents[T]["detail"]} detail
     */
    protected emit<T extends keyof HotseatEvents>(type: T, detail: HotseatEvents[T]["detail"]): void;
}
