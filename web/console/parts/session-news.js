/**
 * Keeps a list of sessions true by what the stream tells: rows of sessions that ended go, those that came are read and
 * shown first, but no more of them than an eye can follow. Where the list is that of one node, the same goes for sessions
 * that move there.
 *
 * @module
 */

/** @import {Session} from "../../sdk/model.js" */
/** @import {Happening, SessionPresence} from "../model.js" */
/** @import {SessionList} from "./session-list.js" */

import { read } from "../api.js";
import { paced } from "../poll.js";
import { stream } from "../stream.js";
import { RecentMap } from "./recent-map.js";

/** A device connects right after it has signed in: its node is worth the wait. */
const SETTLE_MS = 700;
/** Newcomers that are read at most in a batch; who comes beyond is counted only. */
const BATCH = 10;
/** Where more sessions move than the stream tells, nobody knows who came to the node: the list is loaded again so often. */
const PACE = { soonMs: 1000, everyMs: 10_000 };
/** Sessions of the node that other filters keep out, so that each is read once. */
const REMEMBERED = 500;

/** @typedef {{q: string, node: string, class: string}} SessionFilter */

/**
 * @param {SessionList} list
 * @param {SessionFilter} filter as it is at each moment
 * @param {AbortSignal} signal
 * @param {(missed: number, isUnsure: boolean) => void} tellMissed how many changes are not in the list, and whether there
 *   may be more; none after it was loaded again
 * @returns {() => void} to be called when the list is loaded again
 */
export function followSessions(list, filter, signal, tellMissed) {
  /** @type {Set<string>} */
  const newcomers = new Set();
  /** @type {RecentMap<true>} */
  const strangers = new RecentMap(REMEMBERED);
  let missed = 0;
  let isUnsure = false;
  /** @type {ReturnType<typeof setTimeout> | null} */
  let timer = null;
  const miss = (/** @type {number} */ count) => {
    missed += count;
    if (count > 0) tellMissed(missed, isUnsure);
  };

  const readNewcomers = async () => {
    timer = null;
    const ids = [...newcomers];
    newcomers.clear();
    miss(Math.max(0, ids.length - BATCH));
    const answers = await Promise.allSettled(ids.slice(0, BATCH).map((id) => read(`sessions/${id}`, {}, signal)));
    for (const answer of answers) {
      if (answer.status === "fulfilled" && !answer.value.ended) arrive(answer.value.session);
    }
    if (!signal.aborted) miss(answers.filter(({ status }) => status === "rejected").length);
  };
  const arrive = (/** @type {Session} */ session) => {
    if (!fits(session, filter)) strangers.set(session.id, true);
    else if (!filter.node || session.node === filter.node) list.arrive(session);
  };
  const expect = (/** @type {string} */ id) => {
    newcomers.add(id);
    timer ??= setTimeout(readNewcomers, SETTLE_MS);
  };
  const beUnsure = paced(PACE, signal, async () => {
    isUnsure = true;
    tellMissed(missed, isUnsure);
  });

  /** @param {SessionPresence[]} sessions @param {boolean} more */
  const presence = (sessions, more) => {
    if (!filter.node) return;
    for (const { id, node } of sessions) {
      if (node === filter.node && !list.has(id) && !strangers.has(id)) expect(id);
    }
    if (more) beUnsure();
  };

  stream.on(
    {
      presence,
      event: (happening) => {
        for (const id of endedBy(happening)) {
          newcomers.delete(id);
          list.remove(id);
        }
        const { session, user } = happening;
        if (session && user?.startsWith(filter.q) && ["login", "restored"].includes(happening.type)) expect(session);
      },
      stale: (skipped) => {
        const count = Object.values(skipped).reduce((sum, each) => sum + each, 0);
        isUnsure ||= count === 0;
        tellMissed((missed += count), isUnsure);
      },
    },
    signal,
  );
  signal.addEventListener("abort", () => timer && clearTimeout(timer));
  return () => {
    [missed, isUnsure] = [0, false];
    strangers.clear();
    tellMissed(missed, isUnsure);
  };
}

/** @param {Happening} happening */
function endedBy({ type, session, ended }) {
  const ids = ended.map((each) => each.session);
  return type === "ended" && session ? [...ids, session] : ids;
}

/**
 * By what never changes of a session; its node does.
 * @param {Session} session
 * @param {SessionFilter} filter
 */
function fits({ user_id, device }, filter) {
  return user_id.startsWith(filter.q) && (!filter.class || device.class === filter.class);
}
