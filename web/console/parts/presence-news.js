/**
 * Keeps the rows of sessions true by what the stream tells of their connections. What it tells is shown at once. On a
 * system where more moves than it tells, and where a node has gone that can say nothing any more, the rows that are in
 * view are read again: a screenful, now and then, while somebody looks.
 *
 * @module
 */

/** @import {Session} from "../../sdk/model.js" */
/** @import {SessionPresence} from "../model.js" */

import { read } from "../api.js";
import { paced } from "../poll.js";
import { stream } from "../stream.js";

const PACE = { soonMs: 1000, everyMs: 10_000 };

/**
 * @typedef {object} Rows
 * @property {(presence: SessionPresence) => void} move those of one session that is not there are passed over
 * @property {(id: string) => void} remove
 * @property {() => string[]} idsInView
 */

/**
 * @param {Rows} rows
 * @param {AbortSignal} signal
 * @returns {() => void} to be called when the rows in view may be wrong
 */
export function followPresence(rows, signal) {
  const readAgain = paced(PACE, signal, async () => {
    await Promise.allSettled(rows.idsInView().map(async (id) => {
      /** @type {{session: Session, ended: object | null}} */
      const { session, ended } = await read(`sessions/${id}`, {}, signal);
      if (ended) rows.remove(id);
      else rows.move(session);
    }));
  });
  const presence = (/** @type {SessionPresence[]} */ sessions, /** @type {boolean} */ more) => {
    for (const each of sessions) rows.move(each);
    if (more) readAgain();
  };
  stream.on({ presence }, signal);
  return readAgain;
}
