/**
 * A refusal that says how long to wait, kept true while the wait runs down. Its beginning and its end are read
 * out, the seconds between are not.
 *
 * @module
 */

/** @import {HotseatError} from "../sdk/problem.js" */

import { announce, say } from "./view.js";
import { sentenceFor } from "./words.js";

/**
 * @param {HTMLElement} problem where the sentence stands; another sentence there ends this
 * @param {number} seconds
 * @param {HotseatError} error
 */
export function countDown(problem, seconds, error) {
  const until = Date.now() + seconds * 1000;
  let shown = problem.textContent;
  problem.setAttribute("role", "none");
  announce(shown ?? "");
  const timer = setInterval(() => {
    const isCurrent = problem.isConnected && problem.textContent === shown;
    error.retryAfterS = Math.ceil((until - Date.now()) / 1000);
    if (isCurrent && error.retryAfterS > 0) {
      shown = sentenceFor(error);
      say(problem, shown);
      return;
    }
    clearInterval(timer);
    problem.setAttribute("role", "alert");
    if (isCurrent) say(problem, "You can try again now.");
  }, 1000);
}
