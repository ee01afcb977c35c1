/**
 * Keeps the rows of sessions true by what the stream tells of their connections. What it tells is shown at once. On a
 * system where more moves than it tells, and where a node has gone that can say nothing any more, the rows that are in
 * view are read again: a screenful, now and then, while somebody looks. A node's sessions are its own for `ghost_after`
 * longer than it is seen to be alive, so its rows are read until they say otherwise; those that come into view later, when
 * they do.
 *
 * @module
 */

/** @import {Session} from "../../sdk/model.js" */
/** @import {NodeView, SessionPresence} from "../model.js" */

import { read } from "../api.js";
import { paced } from "../poll.js";
import { stream } from "../stream.js";

const PACE = { soonMs: 1000, everyMs: 10_000 };

/**
 * @typedef {object} Rows
 * @property {(presence: SessionPresence) => void} move those of one session that is not there are passed over
 * @property {(id: string) => void} remove
 * @property {() => Session[]} inView
 */

/**
 * @param {Rows} rows
 * @param {AbortSignal} signal
 * @returns {(nodes: NodeView[]) => void} to be told of the nodes, now and then
 */
export function followPresence(rows, signal) {
  /** @type {Set<string>} */
  let lost = new Set();
  const readAgain = paced(PACE, signal, async () => {
    await Promise.allSettled(rows.inView().map(async ({ id }) => {
      /** @type {{session: Session, ended: object | null}} */
      const { session, ended } = await read(`sessions/${id}`, {}, signal);
      if (ended) rows.remove(id);
      else rows.move(session);
    }));
    lookForLost();
  });
  const lookForLost = () => {
    if (rows.inView().some(({ node }) => node && lost.has(node))) readAgain();
  };
  const presence = (/** @type {SessionPresence[]} */ sessions, /** @type {boolean} */ more) => {
    for (const each of sessions) rows.move(each);
    if (more) readAgain();
  };
  stream.on({ presence }, signal);
  addEventListener("scroll", () => lost.size > 0 && lookForLost(), { passive: true, signal });
  return (nodes) => {
    lost = new Set(nodes.filter(({ alive }) => !alive).map(({ node }) => node));
    lookForLost();
  };
}
