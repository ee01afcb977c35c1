/**
 * The one connection of a browser to `/ws`: comes back after every loss that allows it, and never after one
 * that does not.
 *
 * Invariant: there is one wire, or one timer that will open one, or neither; never two of anything.
 *
 * @module
 */

/** @import {End, Notice, Restarting, Welcome} from "./model.js" */
/** @import {Platform} from "./platform.js" */

import { Patience } from "./patience.js";
import { codeOf, endAsTold, endByCode, SILENT } from "./protocol.js";
import { Wire } from "./wire.js";

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
 * @property {(restarting: Restarting) => void} restarting
 */

export class Connection {
  #platform;
  #open;
  #signedIn;
  #report;
  #patience;
  /** @type {Wire | null} */
  #wire = null;
  /** @type {unknown} */
  #timer;
  /** Waiting, and free to hurry. */
  #hasty = false;
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
    this.#patience = new Patience(platform);
  }

  /** Connects with whatever credential is current; an older socket is let go. */
  start() {
    this.#patience.reset();
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
    else if (this.#hasty) this.#wait(this.#patience.wakeMs(), false);
  }

  /** A person did something. */
  activity() {
    const now = this.#platform.now();
    if (!this.#wire?.welcomed || now - this.#activityAt < ACTIVITY_MS) return;
    this.#activityAt = now;
    this.#wire.send('{"type":"activity"}');
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
    if (message.type === "welcome") {
      this.#patience.reset();
      this.#wire?.welcome(message.heartbeat_s);
      this.#report.live(message);
    } else if (message.type === "force_logout") {
      const end = endAsTold(message);
      this.#closed(codeOf(end.reason), end);
    } else if (message.type === "restarting") {
      this.#patience.restarting(message.retry_after_ms);
      this.#report.restarting(message);
    } else if (message.type === "notice") {
      this.#report.notice(message);
    }
  }

  /**
   * @param {number} code
   * @param {End} end
   */
  #closed(code, end) {
    const uninvited = code === SILENT && !this.#wire?.welcomed;
    const next = this.#patience.after(code);
    this.stop();
    if (!next) return this.#report.ended(end);
    this.#wait(next.delayMs, next.hasty);
    if (uninvited) this.#askWhetherSignedIn();
  }

  /** The server waited for an `auth` in vain. If there is no cookie, all further attempts are in vain too. */
  async #askWhetherSignedIn() {
    const timer = this.#timer;
    if ((await this.#signedIn()) || timer !== this.#timer) return;
    this.stop();
    this.#report.idle();
  }

  /**
   * @param {number} delayMs
   * @param {boolean} hasty
   */
  #wait(delayMs, hasty) {
    this.stop();
    this.#hasty = hasty;
    this.#timer = this.#platform.setTimeout(() => this.#connect(), delayMs);
    this.#report.waiting(this.#platform.now() + delayMs);
  }
}
