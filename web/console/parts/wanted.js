/**
 * Which events a filter of the audit lets through, for those that arrive by the stream.
 *
 * @module
 */

/** @import {Happening} from "../model.js" */

/** Words that are a type; every other one is the reason of an end. `disabled` is both, and means the act alone. */
const TYPES = ["login", "ended", "disabled", "enabled", "restored", "full", "refused", "failed", "notice", "job"];

/**
 * Whether an event is among what a filter wants, as the server decides it.
 * @param {Happening} event
 * @param {{user: string, type: string}} filter `type`: words with commas
 */
export function isWanted({ user, type, reason, ended }, filter) {
  if (filter.user && user !== filter.user) return false;
  const words = filter.type.split(",").filter(Boolean);
  const isMeant = (/** @type {string} */ word) => (TYPES.includes(word) ? type === word : reason === word || ended.some((each) => each.reason === word));
  return words.length === 0 || words.some(isMeant);
}
