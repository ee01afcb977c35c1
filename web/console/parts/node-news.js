/**
 * Which nodes there are, asked for as often as they report.
 *
 * @module
 */

/** @import {NodeView} from "../model.js" */

import { read } from "../api.js";
import { poll } from "../poll.js";

const EVERY_MS = 10_000;

/**
 * @param {AbortSignal} signal
 * @param {(nodes: NodeView[]) => void} tell those that reported in the last day; not called where nobody can say
 */
export function followNodes(signal, tell) {
  poll(EVERY_MS, signal, async () => {
    /** @type {{nodes: NodeView[]}} */
    const { nodes } = await read("nodes", {}, signal).catch(() => ({ nodes: [] }));
    if (nodes.length > 0 && !signal.aborted) tell(nodes);
  });
}
