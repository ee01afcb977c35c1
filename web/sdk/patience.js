/**
 * How long a connection waits before its next attempt, if it may have one. Full jitter: anything between nothing
 * and a bound that doubles with each loss, so that the clients of a node that went away come back spread out.
 *
 * @module
 */

/** @import {Platform} from "./platform.js" */

import { nextAfter } from "./protocol.js";

const FIRST_MS = 1_000;
const MOST_MS = 30_000;
/** How soon after `online` or `visible` the next attempt comes: not with all the others of the same network. */
const WAKE_MS = 1_000;
/** A replaced session waits until the newer login's cookie has surely arrived. */
const CURRENT_MS = 250;
const LATER_MS = 30_000;
/** The longest that a restarting node may ask for. */
const MOST_PAUSE_MS = 300_000;

export class Patience {
  #platform;
  /** Losses since the last welcome. */
  #attempt = 0;
  /** A replaced session may try the current credential once until the next welcome. */
  #mayRetryCurrent = true;
  /** When a restarting node wants to be asked again. */
  #notBefore = 0;

  /** @param {Platform} platform */
  constructor(platform) {
    this.#platform = platform;
  }

  /** All is well, or all is new: what was lost before counts no more. */
  reset() {
    this.#attempt = 0;
    this.#mayRetryCurrent = true;
    this.#notBefore = 0;
  }

  /**
   * The node said that it goes. All its clients are told the same, so the pause is drawn from one to two times that.
   * @param {unknown} retryAfterMs
   */
  restarting(retryAfterMs) {
    const { now, random } = this.#platform;
    const pauseMs = (Number(retryAfterMs) || 0) * (1 + random());
    this.#notBefore = now() + Math.min(pauseMs, MOST_PAUSE_MS);
  }

  /**
   * @param {number} code that the connection was closed with
   * @returns {{delayMs: number, hasty: boolean} | null} null: never again; `hasty`: a wake may cut the wait short
   */
  after(code) {
    const { now, random } = this.#platform;
    switch (nextAfter(code)) {
      case "backoff": {
        const pauseMs = Math.max(0, this.#notBefore - now());
        const bound = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(this.#attempt, 10));
        this.#attempt += 1;
        return { delayMs: pauseMs + random() * bound, hasty: pauseMs === 0 };
      }
      case "current": {
        if (!this.#mayRetryCurrent) return null;
        this.#mayRetryCurrent = false;
        return { delayMs: CURRENT_MS + random() * WAKE_MS, hasty: false };
      }
      case "later":
        return { delayMs: LATER_MS + random() * LATER_MS, hasty: false };
      default:
        return null;
    }
  }

  /** @returns {number} milliseconds until the next attempt of a connection that was woken */
  wakeMs() {
    return this.#platform.random() * WAKE_MS;
  }
}
