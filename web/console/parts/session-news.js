/**
 * Keeps a list of sessions true by what the stream tells: rows of sessions that ended go, those that came are read and
 * shown first, but no more of them than an eye can follow.
 *
 * @module
 */

/** @import {Session} from "../../sdk/model.js" */
/** @import {Happening} from "../model.js" */
/** @import {SessionList} from "./session-list.js" */

import { read } from "../api.js";
import { stream } from "../stream.js";

/** A device connects right after it has signed in: its node is worth the wait. */
const SETTLE_MS = 700;
/** Newcomers that are read at most in a batch; who comes beyond is counted only. */
const BATCH = 10;

/**
 * @param {SessionList} list
 * @param {{q: string, node: string, class: string}} filter as it is at each moment
 * @param {AbortSignal} signal
 * @param {(missed: number, isUnsure: boolean) => void} tellMissed how many changes are not in the list, and whether there
 *   may be more; none after it was loaded again
 * @returns {() => void} to be called when the list is loaded again
 */
export function followSessions(list, filter, signal, tellMissed) {
  /** @type {Set<string>} */
  const newcomers = new Set();
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
    if (fits(session, filter)) list.arrive(session);
  };

  stream.on(
    {
      event: (happening) => {
        for (const id of endedBy(happening)) {
          newcomers.delete(id);
          list.remove(id);
        }
        const { session, user } = happening;
        if (!session || !user?.startsWith(filter.q) || !["login", "restored"].includes(happening.type)) return;
        newcomers.add(session);
        timer ??= setTimeout(readNewcomers, SETTLE_MS);
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
    tellMissed(missed, isUnsure);
  };
}

/** @param {Happening} happening */
function endedBy({ type, session, ended }) {
  const ids = ended.map((each) => each.session);
  return type === "ended" && session ? [...ids, session] : ids;
}

/**
 * @param {Session} session
 * @param {{q: string, node: string, class: string}} filter
 */
function fits({ user_id, node, device }, filter) {
  return user_id.startsWith(filter.q) && (!filter.node || node === filter.node) && (!filter.class || device.class === filter.class);
}
