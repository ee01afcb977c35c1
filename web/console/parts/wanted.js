/**
 * Which events a filter of the audit lets through, for those that arrive by the stream.
 *
 * @module
 */

/** @import {Happening} from "../model.js" */

/**
 * Whether an event is among what a filter wants, as the server decides it.
 * @param {Happening} event
 * @param {{user: string, type: string}} filter `type`: words with commas
 */
export function isWanted({ user, type, reason, ended }, filter) {
  if (filter.user && user !== filter.user) return false;
  const words = filter.type.split(",").filter(Boolean);
  const own = type === "ended" && reason ? [type, reason] : [type];
  return words.length === 0 || words.some((word) => own.includes(word) || ended.some((each) => each.reason === word));
}
