/**
 * How long to wait before the next attempt. Full jitter: anything between nothing and a bound that doubles, so
 * that the clients of a node that went away come back spread out.
 *
 * @module
 */

const FIRST_MS = 1_000;
const MOST_MS = 30_000;

/**
 * @param {number} attempt how many have failed in a row, from 0
 * @param {() => number} random
 * @returns {number} milliseconds
 */
export function backoffMs(attempt, random) {
  return random() * Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
}
