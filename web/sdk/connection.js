/**
 * The one connection of a browser to `/ws`: comes back after every loss that allows it, and never after one
 * that does not.
 *
 * Invariant: there is one wire, or one timer that will open one, or neither; never two of anything.
 *
 * @module
 */

/** @import {End, Notice, Welcome} from "./model.js" */
/** @import {Platform} from "./platform.js" */

import { backoffMs } from "./backoff.js";
import { codeOf, endAsTold, endByCode, nextAfter, SILENT } from "./protocol.js";
import { Wire } from "./wire.js";

/** How soon after `online` or `visible` the next attempt comes: not with all the others of the same network. */
const WAKE_MS = 1_000;
/** A replaced session waits until the newer login's cookie has surely arrived. */
const CURRENT_MS = 250;
const LATER_MS = 30_000;
/** The longest that a restarting node may ask for. */
const MOST_PAUSE_MS = 300_000;
/** The server bounds what one connection may send; a page in a frenzy must not use that up. */
const ACTIVITY_MS = 60_000;

/**
 * What the owner is told; `idle` is that nobody is signed in.
 * @typedef {object} Reports
 * @property {() => void} connecting
 * @property {(welcome: Welcome) => void} live
 * @property {(retryAt: number) => void} waiting
 * @property {(end: End) => void} ended
 * @property {() => void} idle
 * @property {(notice: Notice) => void} notice
 */

export class Connection {
  #platform;
  #open;
  #signedIn;
  #report;
  /** @type {Wire | null} */
  #wire = null;
  /** @type {unknown} */
  #timer;
  /** Losses since the last welcome. */
  #attempt = 0;
  /** A replaced session may try the current credential once until the next welcome. */
  #mayRetryCurrent = true;
  /** Waiting, and free to hurry. */
  #hasty = false;
  /** When a restarting node wants to be asked again. */
  #notBefore = 0;
  #activityAt = -Infinity;

  /**
   * @param {Platform} platform
   * @param {() => WebSocket} open
   * @param {() => Promise<boolean>} signedIn false if there surely is no credential to connect with
   * @param {Reports} report
   */
  constructor(platform, open, signedIn, report) {
    this.#platform = platform;
    this.#open = open;
    this.#signedIn = signedIn;
    this.#report = report;
  }

  /** Connects with whatever credential is current; an older socket is let go. */
  start() {
    this.#renew();
    this.#connect();
  }

  stop() {
    this.#platform.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#hasty = false;
    this.#wire?.drop();
    this.#wire = null;
  }

  /** The network changed, or the page is back: a live connection proves itself, a wait is cut short. */
  wake() {
    if (this.#wire?.welcomed) this.#wire.check();
    else if (this.#hasty) this.#wait(this.#platform.random() * WAKE_MS);
  }

  /** A person did something. */
  activity() {
    const now = this.#platform.now();
    if (!this.#wire?.welcomed || now - this.#activityAt < ACTIVITY_MS) return;
    this.#activityAt = now;
    this.#wire.send('{"type":"activity"}');
  }

  #renew() {
    this.#attempt = 0;
    this.#notBefore = 0;
    this.#mayRetryCurrent = true;
  }

  #connect() {
    this.stop();
    this.#report.connecting();
    this.#wire = new Wire(this.#platform, this.#open(), {
      message: (message) => this.#heard(message),
      closed: (code) => this.#closed(code, endByCode(code)),
    });
  }

  /** @param {any} message of a type that may be newer than this client */
  #heard(message) {
    const { now, random } = this.#platform;
    if (message.type === "welcome") {
      this.#renew();
      this.#wire?.welcome(message.heartbeat_s);
      this.#report.live(message);
    } else if (message.type === "force_logout") {
      const end = endAsTold(message);
      this.#closed(codeOf(end.reason), end);
    } else if (message.type === "restarting") {
      // All are told the same, so the wait is drawn from one to two times that.
      const pauseMs = (Number(message.retry_after_ms) || 0) * (1 + random());
      this.#notBefore = now() + Math.min(pauseMs, MOST_PAUSE_MS);
    } else if (message.type === "notice") {
      this.#report.notice(message);
    }
  }

  /**
   * @param {number} code
   * @param {End} end
   */
  #closed(code, end) {
    const { random, now } = this.#platform;
    const uninvited = code === SILENT && !this.#wire?.welcomed;
    const next = nextAfter(code);
    this.stop();
    if (next === "backoff") {
      const pauseMs = Math.max(0, this.#notBefore - now());
      this.#wait(pauseMs + backoffMs(this.#attempt, random));
      this.#hasty = pauseMs === 0;
      this.#attempt += 1;
      if (uninvited) this.#askWhetherSignedIn();
    } else if (next === "current" && this.#mayRetryCurrent) {
      this.#mayRetryCurrent = false;
      this.#wait(CURRENT_MS + random() * WAKE_MS);
    } else if (next === "later") {
      this.#wait(LATER_MS + random() * LATER_MS);
    } else {
      this.#report.ended(end);
    }
  }

  /** The server waited for an `auth` in vain. If there is no cookie, all further attempts are in vain too. */
  async #askWhetherSignedIn() {
    const timer = this.#timer;
    if ((await this.#signedIn()) || timer !== this.#timer) return;
    this.stop();
    this.#report.idle();
  }

  /** @param {number} delayMs */
  #wait(delayMs) {
    this.stop();
    this.#timer = this.#platform.setTimeout(() => this.#connect(), delayMs);
    this.#report.waiting(this.#platform.now() + delayMs);
  }
}
