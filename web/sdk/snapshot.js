/**
 * The states that the tabs of a browser pass through, as values, and the events that a change from one to the
 * next stands for.
 *
 * @module
 */

/** @import {End, HotseatEvents, Snapshot, Welcome} from "./model.js" */

/** @type {Readonly<Snapshot>} */
export const IDLE = Object.freeze({ state: "idle", welcome: null, end: null, retryAt: null });

/** @returns {Snapshot} */
export function connecting(/** @type {Snapshot} */ before) {
  return { ...before, state: "connecting", end: null, retryAt: null };
}

/** @returns {Snapshot} */
export function live(/** @type {Welcome} */ welcome) {
  return { ...IDLE, state: "live", welcome };
}

/**
 * @param {Snapshot} before
 * @param {number} retryAt
 * @returns {Snapshot}
 */
export function waiting(before, retryAt) {
  return { ...before, state: "waiting", retryAt };
}

/** @returns {Snapshot} */
export function ended(/** @type {End} */ end) {
  return { ...IDLE, state: "ended", end };
}

/** Whether there is a connection, or will be one without anybody's doing. */
export function isActive(/** @type {Snapshot} */ { state }) {
  return state !== "idle" && state !== "ended";
}

/**
 * @param {Snapshot} before
 * @param {Snapshot} now
 * @returns {{[T in keyof HotseatEvents]: [T, HotseatEvents[T]["detail"]]}[keyof HotseatEvents][]}
 */
export function eventsBetween(before, now) {
  const { state, welcome, end, retryAt } = now;
  const hasChanged = state !== before.state;
  /** @type {ReturnType<typeof eventsBetween>} */
  const events = [];
  if (hasChanged || retryAt !== before.retryAt) events.push(["state", now]);
  if (hasChanged && state === "live" && welcome) events.push(["welcome", welcome]);
  if (hasChanged && state === "ended" && end) events.push(["forceLogout", end]);
  return events;
}
