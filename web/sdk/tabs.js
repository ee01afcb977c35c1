/**
 * One leader among the tabs of a browser, by a Web Lock: whoever holds the lock leads; when that tab goes,
 * however it goes, the browser gives the lock to the next. The tabs talk over a BroadcastChannel. Where either
 * is missing (an insecure context, an old browser), each tab leads itself.
 *
 * @module
 */

/** @import {Platform} from "./platform.js" */

export class Tabs {
  #platform;
  #name;
  #lead;
  #hear;
  #leave = new AbortController();
  /** @type {BroadcastChannel | null} */
  #channel = null;
  leads = false;

  /**
   * @param {Platform} platform
   * @param {string | null} name the same in the tabs that share; null to be alone
   * @param {{lead: () => void, hear: (message: any) => void}} calls
   */
  constructor(platform, name, { lead, hear }) {
    this.#platform = platform;
    this.#name = name;
    this.#lead = lead;
    this.#hear = hear;
  }

  join() {
    const { locks, BroadcastChannel } = this.#platform;
    if (this.#name === null || !locks || !BroadcastChannel) return this.#becomeLeader();
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    const { signal } = this.#leave;
    locks.request(this.#name, { signal }, () => this.#hold()).catch(() => {
      // Left before the lock came, or the browser refuses locks here (a sandboxed frame).
      if (!signal.aborted) this.#becomeLeader();
    });
  }

  /** @param {object} message to all other tabs */
  send(message) {
    this.#channel?.postMessage(message);
  }

  leave() {
    this.leads = false;
    this.#leave.abort();
    this.#channel?.close();
    this.#channel = null;
  }

  /** Leads until the tab leaves. */
  #hold() {
    const { signal } = this.#leave;
    if (signal.aborted) return Promise.resolve();
    this.#becomeLeader();
    return new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  }

  #becomeLeader() {
    this.leads = true;
    this.#lead();
  }
}
