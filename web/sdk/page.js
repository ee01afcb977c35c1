/**
 * What the page itself tells: that it came to the front, that the network changed, that a person is here.
 *
 * @module
 */

/** @import {Platform} from "./platform.js" */

/** Moving the mouse over a page is not using it. */
const INPUTS = ["pointerdown", "keydown", "wheel"];

export class Page {
  #platform;
  #tell;
  /** @type {AbortController | null} */
  #watching = null;

  /**
   * @param {Platform} platform
   * @param {(what: "wake" | "activity") => void} tell
   */
  constructor(platform, tell) {
    this.#platform = platform;
    this.#tell = tell;
  }

  /** Begins to tell; again does nothing. */
  watch() {
    if (this.#watching) return;
    this.#watching = new AbortController();
    const { signal } = this.#watching;
    const { window, document } = this.#platform;
    const wake = () => this.#tell("wake");
    const used = (/** @type {Event} */ event) => {
      // Events that a script made up are no sign of a person.
      if (event.isTrusted) this.#tell("activity");
    };
    // Browsers can be wrong about both; the server's answer decides. `pageshow` is a return from the back-forward
    // cache: the socket is gone, and no event told so.
    for (const change of ["online", "offline", "pageshow"]) window?.addEventListener(change, wake, { signal });
    document?.addEventListener("visibilitychange", () => document.visibilityState === "visible" && wake(), { signal });
    for (const input of INPUTS) document?.addEventListener(input, used, { signal, passive: true, capture: true });
  }

  leave() {
    this.#watching?.abort();
    this.#watching = null;
  }
}
