/**
 * Ending sessions one by one, and telling exactly what came of it: an answer that was lost is no failure, and no
 * success either.
 *
 * @module
 */

import { HotseatError } from "../sdk/hotseat.js";
import { act } from "./api.js";
import { isUnknown, sentenceFor, Undone } from "./sentences.js";
import { plural } from "./words.js";

/** How many are ended at once. */
const AT_ONCE = 4;

/**
 * Ends sessions until one can't be: what is wrong with that is as a rule wrong with the rest.
 * @param {string[]} ids
 * @param {string | undefined} note
 * @returns {Promise<string>} what came of it
 * @throws {Undone}
 */
export async function endEach(ids, note) {
  const queue = [...ids];
  const came = { ended: 0, before: 0, unknown: 0, refused: 0 };
  /** @type {HotseatError | null} */
  let wrong = null;
  const end = async (/** @type {string} */ id) => {
    try {
      const { ended } = await act("DELETE", `sessions/${id}`, { note });
      came[ended.length > 0 ? "ended" : "before"] += 1;
    } catch (error) {
      if (!(error instanceof HotseatError)) throw error;
      if (error.status === 404) came.before += 1;
      else {
        came[isUnknown(error) ? "unknown" : "refused"] += 1;
        wrong ??= error;
      }
    }
  };
  const work = async () => {
    for (let id = queue.shift(); id && !wrong; id = queue.shift()) await end(id);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const sentence = tally(came, ids.length - Object.values(came).reduce((sum, each) => sum + each, 0));
  if (wrong) throw new Undone(`${sentence} ${sentenceFor(wrong)}`);
  return sentence;
}

/**
 * @param {{ended: number, before: number, unknown: number, refused: number}} came
 * @param {number} untried
 */
function tally({ ended, before, unknown, refused }, untried) {
  const parts = [
    `${plural(ended, "session")} ended`,
    before > 0 && `${before} had ended before`,
    unknown > 0 && `of ${unknown} it is not known`,
    refused > 0 && `${refused} refused`,
    untried > 0 && `${untried} not tried`,
  ];
  return `${parts.filter(Boolean).join(", ")}.`;
}
