/**
 * Whether somebody is there. What the page asks by itself is no use of the administrator's session, and says so to the
 * server; what follows something that somebody did is one. So a console that was left alone ends by its own limits.
 *
 * @module
 */

const ATTENTION_MS = 5 * 60_000;

/** As the SDK has it: moving the mouse over a page is not using it, though somebody is there. */
const USES = ["pointerdown", "wheel", "keydown"];

let usedAt = Date.now();
let noticedAt = usedAt;
/** The use that a call has told last. */
let toldAt = 0;
for (const input of [...USES, "pointermove", "focus"]) {
  const noticed = () => {
    noticedAt = Date.now();
    if (USES.includes(input)) usedAt = noticedAt;
  };
  addEventListener(input, noticed, { passive: true, capture: true });
}

/** Whether the page is in view and somebody was here lately. */
export function isWatched() {
  return document.visibilityState === "visible" && Date.now() - noticedAt < ATTENTION_MS;
}

/** Whether somebody did something since this was asked last. */
export function takeUse() {
  const isUsed = usedAt > toldAt;
  toldAt = usedAt;
  return isUsed;
}
