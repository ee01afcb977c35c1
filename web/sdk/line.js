/**
 * The line to the server that the tabs of a browser share: the leading tab holds the connection and tells the
 * others each new snapshot; the others ask it for what they want. Every tab keeps the latest snapshot, so that
 * it can go on from there when the lead falls to it.
 *
 * ```text
 * to the leader      hello · connect · restart · stop · wake · activity
 * from the leader    snapshot · notice · restarting
 * ```
 *
 * @module
 */

/** @import {Word} from "./lead.js" */
/** @import {End, HotseatEvents, Snapshot} from "./model.js" */
/** @import {Platform} from "./platform.js" */

import { Lead } from "./lead.js";
import { connecting, ended, IDLE, isActive } from "./snapshot.js";
import { Tabs } from "./tabs.js";

/**
 * @typedef {object} LineOptions
 * @property {string | null} name the same in the tabs that share; null to be alone
 * @property {() => WebSocket} open
 * @property {() => Promise<boolean>} signedIn false if there surely is no credential to connect with
 * @property {(before: Snapshot, now: Snapshot) => void} changed
 * @property {<T extends Word>(type: T, detail: HotseatEvents[T]["detail"]) => void} said
 */

export class Line {
  #platform;
  #options;
  #lead;
  /** @type {Tabs | null} set while this tab takes part */
  #tabs = null;
  /** @type {Snapshot} */
  #now = IDLE;

  /**
   * @param {Platform} platform
   * @param {LineOptions} options
   */
  constructor(platform, options) {
    this.#platform = platform;
    this.#options = options;
    this.#lead = new Lead(platform, options, {
      now: () => this.#now,
      publish: (snapshot) => this.#publish(snapshot),
      pass: (type, detail) => this.#pass(type, detail),
    });
  }

  get now() {
    return this.#now;
  }

  get leads() {
    return this.#tabs?.leads ?? false;
  }

  /** Takes part without a wish for a connection; shows `end` unless the leader knows better. */
  rest(/** @type {End | null} */ end) {
    this.#join();
    if (end) this.#apply(ended(end));
    this.#ask("hello");
  }

  /** Connects unless the tabs are connected or about to be. */
  connect() {
    this.#join();
    this.#ask("connect");
    this.#expectConnection();
  }

  /** Connects anew: the credential has changed. */
  restart() {
    this.#join();
    this.#ask("restart");
    this.#expectConnection();
  }

  /** Disconnects all tabs: nobody is signed in. */
  stop() {
    this.#ask("stop");
    this.#apply(IDLE);
  }

  /** @param {"wake" | "activity"} op */
  tell(op) {
    this.#ask(op);
  }

  /** Takes part no longer. The other tabs go on. */
  leave() {
    this.#tabs?.leave();
    this.#tabs = null;
    this.#lead.give();
    this.#apply(IDLE);
  }

  #join() {
    if (this.#tabs) return;
    this.#tabs = new Tabs(this.#platform, this.#options.name, {
      lead: () => this.#lead.take(),
      hear: (message) => this.#hear(message),
    });
    this.#tabs.join();
  }

  /** Until the leader's snapshot comes; and if there is no leader yet, what this tab will do as one. */
  #expectConnection() {
    if (!isActive(this.#now)) this.#apply(connecting(this.#now));
  }

  /** @param {string} op */
  #ask(op) {
    if (this.leads) this.#lead.obey(op);
    else this.#tabs?.send({ op });
  }

  /** @param {any} message of another tab, perhaps of another version of this page */
  #hear(message) {
    if (this.leads) this.#lead.obey(message.op);
    else if (message.op === "notice" || message.op === "restarting") this.#options.said(message.op, message.detail);
    // A leader that merely rests has nothing to say against an end that this tab has learnt.
    else if (message.op === "snapshot" && !(message.snapshot.state === "idle" && this.#now.state === "ended")) {
      this.#apply(message.snapshot);
    }
  }

  /** @template {Word} T @param {T} type @param {HotseatEvents[T]["detail"]} detail */
  #pass(type, detail) {
    this.#tabs?.send({ op: type, detail });
    this.#options.said(type, detail);
  }

  /** @param {Snapshot} snapshot */
  #publish(snapshot) {
    this.#apply(snapshot);
    this.#tabs?.send({ op: "snapshot", snapshot });
  }

  /** @param {Snapshot} snapshot */
  #apply(snapshot) {
    const before = this.#now;
    this.#now = snapshot;
    this.#options.changed(before, snapshot);
  }
}
