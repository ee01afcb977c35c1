/**
 * Asking again, for what no stream tells. Asking counts as using the administrator's session: a page that nobody looks
 * at or touches stops, so that the session can end by its own limits.
 *
 * @module
 */

const ATTENTION_MS = 5 * 60_000;

let usedAt = Date.now();
for (const input of ["pointerdown", "pointermove", "keydown", "focus"]) {
  addEventListener(input, () => (usedAt = Date.now()), { passive: true, capture: true });
}

/** Whether somebody is there. */
export function isWatched() {
  return document.visibilityState === "visible" && Date.now() - usedAt < ATTENTION_MS;
}

/**
 * Runs `ask` now and then again and again, never twice at once.
 * @param {number} everyMs
 * @param {AbortSignal} signal when to stop
 * @param {() => Promise<void>} ask
 * @returns {() => void} asks at once
 */
export function poll(everyMs, signal, ask) {
  let asking = false;
  const run = async () => {
    if (asking || signal.aborted) return;
    asking = true;
    try {
      await ask();
    } finally {
      asking = false;
    }
  };
  const timer = setInterval(() => isWatched() && run(), everyMs);
  signal.addEventListener("abort", () => clearInterval(timer));
  run();
  return run;
}
