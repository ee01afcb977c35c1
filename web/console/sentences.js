/**
 * What went wrong, in people's words: what happened, and what to do.
 *
 * @module
 */

/** @import {HotseatError} from "../sdk/problem.js" */

import { durationOf } from "./time.js";

/** An act that was not done, or not wholly; the message says what was. */
export class Undone extends Error {}

/**
 * Whether a call that was to change something may have done so, or may yet.
 * @param {HotseatError} error
 */
export function isUnknown({ status, type }) {
  return status === 0 || type === "store-unavailable" || type === "unexpected";
}

/**
 * @param {HotseatError} error of a call that was to change something
 * @returns {string} what happened, and what to do
 */
export function sentenceForAct(error) {
  return isUnknown(error) ? `${sentenceFor(error)} Whether it was done is not known: look before you do it again.` : sentenceFor(error);
}

/**
 * @param {HotseatError} error
 * @returns {string} what happened, and what to do
 */
export function sentenceFor(error) {
  const wait = error.retryAfterS ? ` in ${durationOf(error.retryAfterS)}` : "";
  switch (error.type) {
    case "invalid-credentials":
      return "User name and password do not match. Please check both.";
    case "user-disabled":
      return "This account is disabled.";
    case "rate-limited":
      return `Too many attempts. Please try again${wait || " in a minute"}.`;
    case "store-unavailable":
      return `The store can’t be reached just now, so nothing can be said. Try again${wait}.`;
    case "overloaded":
      return `The server has too much to do just now. Try again${wait}.`;
    case "network":
      return "The server did not answer. Is this device online?";
    case "forbidden":
      return "Your role does not allow that.";
    case "not-found":
      return "There is no such thing any more.";
    default:
      return `That did not work: ${error.message}.`;
  }
}
