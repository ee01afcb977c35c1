/**
 * Asking again, for what no stream tells. Not where nobody looks: that is work for nothing.
 *
 * @module
 */

import { isWatched } from "./attention.js";

const BATCH_MS = 100;

/**
 * Runs `ask` now and then again and again, never twice at once.
 * @param {number} everyMs
 * @param {AbortSignal} signal when to stop
 * @param {() => Promise<void>} ask
 * @returns {() => Promise<void>} asks at once, or right after the answer that is waited for just now: that may be late
 *   because what it asks is away
 */
export function poll(everyMs, signal, ask) {
  /** @type {Promise<void> | null} */
  let asking = null;
  const run = () => {
    if (signal.aborted) return Promise.resolve();
    asking ??= ask().finally(() => (asking = null));
    return asking;
  };
  const timer = setInterval(() => isWatched() && run(), everyMs);
  signal.addEventListener("abort", () => clearInterval(timer));
  run();
  return () => (asking ? asking.then(run) : run());
}

/**
 * Takes what comes one by one together, a few times a second: what costs the same for many is done once for them.
 * @template T
 * @param {AbortSignal} signal when to stop
 * @param {(items: T[]) => void} take
 * @returns {(item: T) => void}
 */
export function batches(signal, take) {
  /** @type {T[]} */
  let waiting = [];
  const give = () => {
    const items = waiting;
    waiting = [];
    if (!signal.aborted) take(items);
  };
  return (item) => {
    if (waiting.push(item) === 1) setTimeout(give, BATCH_MS);
  };
}

/**
 * What may be asked for often, and is asked at most once in a while: soon after the first time, the rest together
 * later, and while the page is hidden not at all, but then once.
 * @param {{soonMs: number, everyMs: number}} pace
 * @param {AbortSignal} signal when to stop
 * @param {() => Promise<void>} ask
 * @returns {() => void} asks for it
 */
export function paced({ soonMs, everyMs }, signal, ask) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let askedAt = -Infinity;
  const run = async () => {
    timer = undefined;
    if (document.visibilityState !== "visible") return document.addEventListener("visibilitychange", run, { once: true, signal });
    askedAt = Date.now();
    await ask();
  };
  const wait = (/** @type {number} */ ms) => {
    if (!signal.aborted) timer ??= setTimeout(run, ms);
  };
  signal.addEventListener("abort", () => clearTimeout(timer));
  return () => wait(Math.max(soonMs, askedAt + everyMs - Date.now()));
}
