/**
 * The lead of the tabs: who has it holds the connection, does what the tabs ask for, and tells what comes of it.
 * Every tab is ready to take it.
 *
 * @module
 */

/** @import {End, HotseatEvents, Snapshot} from "./model.js" */
/** @import {LineOptions} from "./line.js" */
/** @import {Platform} from "./platform.js" */

import { Connection } from "./connection.js";
import { connecting, ended, IDLE, isActive, live, waiting } from "./snapshot.js";

/**
 * What the server says that changes no state: passed on to every tab as it is.
 * @typedef {"notice" | "restarting"} Word
 */

/**
 * @typedef {object} Tell
 * @property {() => Snapshot} now the latest that was told, by whichever tab
 * @property {(snapshot: Snapshot) => void} publish to every tab, this one too
 * @property {<T extends Word>(type: T, detail: HotseatEvents[T]["detail"]) => void} pass the same for a word
 */

export class Lead {
  #connection;
  #tell;

  /**
   * @param {Platform} platform
   * @param {Pick<LineOptions, "open" | "signedIn">} options
   * @param {Tell} tell
   */
  constructor(platform, { open, signedIn }, tell) {
    const { now, publish, pass } = tell;
    this.#tell = tell;
    this.#connection = new Connection(platform, open, signedIn, {
      connecting: () => publish(connecting(now())),
      live: (welcome) => publish(live(welcome)),
      waiting: (retryAt) => publish(waiting(now(), retryAt)),
      ended: (end) => publish(this.#wasOwnWish(end) ? IDLE : ended(end)),
      idle: () => publish(IDLE),
      notice: (notice) => pass("notice", notice),
      restarting: (restarting) => pass("restarting", restarting),
    });
  }

  /** Goes on where the tab before it was. */
  take() {
    const now = this.#tell.now();
    if (isActive(now)) this.#connection.start();
    else this.#tell.publish(now);
  }

  give() {
    this.#connection.stop();
  }

  /** @param {string} op what a tab asks for; of a later version perhaps, and then nothing is done */
  obey(op) {
    const now = this.#tell.now();
    if (op === "restart" || (op === "connect" && !isActive(now))) this.#connection.start();
    else if (op === "hello" || op === "connect") this.#tell.publish(now);
    else if (op === "wake") this.#connection.wake();
    else if (op === "activity") this.#connection.activity();
    else if (op === "stop") {
      this.#connection.stop();
      this.#tell.publish(IDLE);
    }
  }

  /** Whoever logs out is not put out. */
  #wasOwnWish(/** @type {End} */ end) {
    return end.reason === "logout" && end.by?.session_id === this.#tell.now().welcome?.session.id;
  }
}
