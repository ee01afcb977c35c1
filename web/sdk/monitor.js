/**
 * Finds a connection that died without a word. A page cannot see the server's protocol pings, so a silence of
 * one and a half heartbeats is broken by a `ping` of our own, and no answer to that is the end.
 *
 * @module
 */

/** @import {Platform} from "./platform.js" */

const PONG_MS = 10_000;
const DEFAULT_HEARTBEAT_S = 30;

export class Monitor {
  #platform;
  #ping;
  #lost;
  #silenceMs = 0;
  /** @type {unknown} */
  #timer;
  #asked = false;

  /**
   * @param {Platform} platform
   * @param {{ping: () => void, lost: () => void}} calls
   */
  constructor(platform, { ping, lost }) {
    this.#platform = platform;
    this.#ping = ping;
    this.#lost = lost;
  }

  /** @param {number} heartbeatS as `welcome` says */
  start(heartbeatS) {
    this.#silenceMs = 1_500 * (heartbeatS > 0 ? heartbeatS : DEFAULT_HEARTBEAT_S);
    this.heard();
  }

  /** Any message is a sign of life. */
  heard() {
    if (this.#silenceMs > 0) this.#after(this.#silenceMs, () => this.check(), false);
  }

  /** Asks now: after sleep, on a new network, or when the page comes to the front. */
  check() {
    if (this.#silenceMs === 0 || this.#asked) return;
    this.#after(PONG_MS, this.#lost, true);
    this.#ping();
  }

  stop() {
    this.#platform.clearTimeout(this.#timer);
    this.#silenceMs = 0;
    this.#asked = false;
  }

  /**
   * @param {number} delayMs
   * @param {() => void} run
   * @param {boolean} asked
   */
  #after(delayMs, run, asked) {
    this.#platform.clearTimeout(this.#timer);
    this.#asked = asked;
    this.#timer = this.#platform.setTimeout(() => {
      this.#asked = false;
      run();
    }, delayMs);
  }
}
