/**
 * What happens on all nodes, as it happens: one stream a tab, shared by whatever the tab shows. Comes back after a cut
 * where it was, with backoff and full jitter; a tab that nobody sees lets go of it after a while, because a browser has
 * few connections to a server.
 *
 * Listeners get each event once, however often the server sends it, and `stale` when some were not sent one by one.
 *
 * @module
 */

/** @import {Happening, SessionPresence} from "./model.js" */

import { urlOf } from "./api.js";
import { RecentMap } from "./parts/recent-map.js";

const BACKOFF_MS = [1000, 2000, 4000, 8000, 15_000];
const HIDDEN_MS = 30_000;
/** How long pages wait for it. */
const PATIENCE_MS = 3000;
/** How many ids are remembered, to know again what is sent twice. */
const REMEMBERED = 2000;

/** @typedef {"off" | "connecting" | "live" | "cut"} StreamState */
/**
 * @typedef {object} Listener
 * @property {(event: Happening) => void} [event]
 * @property {(sessions: SessionPresence[], more: boolean) => void} [presence] how sessions are connected now; more than those moved
 * @property {(skipped: Record<string, number>) => void} [stale] read again what is shown; how many of what were left out, where it is known
 * @property {(state: StreamState) => void} [state]
 */

class Stream {
  /** @type {StreamState} */
  state = "off";
  /** @type {Set<Listener>} */
  #listeners = new Set();
  /** @type {EventSource | null} */
  #source = null;
  /** @type {RecentMap<true>} */
  #known = new RecentMap(REMEMBERED);
  #lastId = "";
  #wasLive = false;
  #failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  constructor() {
    document.addEventListener("visibilitychange", () => this.#seen(document.visibilityState === "visible"));
    addEventListener("online", () => this.state === "cut" && this.#open());
  }

  /**
   * @param {Listener} listener
   * @param {AbortSignal} signal when to stop
   */
  on(listener, signal) {
    if (signal.aborted) return;
    this.#listeners.add(listener);
    signal.addEventListener("abort", () => this.#listeners.delete(listener));
    listener.state?.(this.state);
  }

  /**
   * Begins. What is read after it resolves and what is told leave nothing out between them.
   * @returns {Promise<void>} when it is open, or can't be for now
   */
  start() {
    if (this.state === "off") this.#open();
    return new Promise((resolve) => {
      const settled = new AbortController();
      const settle = () => {
        settled.abort();
        resolve();
      };
      setTimeout(settle, PATIENCE_MS);
      this.on({ state: (state) => state !== "connecting" && settle() }, settled.signal);
    });
  }

  stop() {
    this.#close("off");
    this.#known.clear();
    this.#lastId = "";
    this.#wasLive = false;
  }

  #open() {
    this.#close("connecting");
    const source = new EventSource(urlOf("stream", { after: this.#lastId, presence: "true" }));
    this.#source = source;
    source.addEventListener("open", () => {
      this.#failures = 0;
      this.#become("live");
      // Nothing was told before the cut that the server could go on behind.
      if (this.#wasLive && !this.#lastId) this.#tellStale({});
      this.#wasLive = true;
    });
    source.addEventListener("event", (message) => this.#take(JSON.parse(message.data)));
    source.addEventListener("presence", ({ data }) => {
      const { sessions, more } = JSON.parse(data);
      for (const listener of this.#listeners) listener.presence?.(sessions, more);
    });
    source.addEventListener("summary", (message) => this.#tellStale(JSON.parse(message.data).skipped ?? {}));
    for (const lost of ["gap", "reset"]) source.addEventListener(lost, () => this.#tellStale({}));
    // The browser would try again by itself, but not after a refusal, and all at once.
    source.addEventListener("error", () => this.#retry());
  }

  #retry() {
    this.#close("cut");
    const wait = BACKOFF_MS[Math.min(this.#failures++, BACKOFF_MS.length - 1)];
    this.#timer = setTimeout(() => this.#open(), Math.random() * wait);
  }

  /** @param {StreamState} state */
  #close(state) {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
    this.#become(state);
  }

  /** @param {StreamState} state */
  #become(state) {
    if (this.state === state) return;
    this.state = state;
    for (const listener of this.#listeners) listener.state?.(state);
  }

  /** @param {Happening} happening */
  #take(happening) {
    if (this.#known.has(happening.id)) return;
    this.#lastId = happening.id;
    this.#known.set(happening.id, true);
    for (const listener of this.#listeners) listener.event?.(happening);
  }

  /** @param {Record<string, number>} skipped */
  #tellStale(skipped) {
    for (const listener of this.#listeners) listener.stale?.(skipped);
  }

  #seen(/** @type {boolean} */ visible) {
    if (this.state === "off") return;
    clearTimeout(this.#timer);
    if (!visible) this.#timer = setTimeout(() => this.#close("cut"), HIDDEN_MS);
    else if (this.state === "cut") this.#open();
  }
}

export const stream = new Stream();
