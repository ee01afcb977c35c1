/**
 * Whether somebody is there. What the page asks by itself is no use of the administrator's session, and says so to the
 * server; what follows something that somebody did is one. So a console that was left alone ends by its own limits.
 *
 * @module
 */

const ATTENTION_MS = 5 * 60_000;

let usedAt = Date.now();
/** The use that a call has told last. */
let toldAt = 0;
for (const input of ["pointerdown", "pointermove", "wheel", "keydown", "focus"]) {
  addEventListener(input, () => (usedAt = Date.now()), { passive: true, capture: true });
}

/** Whether the page is in view and somebody did something here lately. */
export function isWatched() {
  return document.visibilityState === "visible" && Date.now() - usedAt < ATTENTION_MS;
}

/** Whether somebody did something since this was asked last. */
export function takeUse() {
  const isUsed = usedAt > toldAt;
  toldAt = usedAt;
  return isUsed;
}
