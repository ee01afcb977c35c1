/**
 * Samples of nodes as lines over time. Nodes sample at moments of their own; here all stand on one grid, so that they
 * can be summed.
 *
 * @module
 */

/** @import {NodeFigures, Sample} from "../model.js" */

/** @typedef {"connections" | "logins_per_s" | "takeovers_per_s" | "takeover_p50_us" | "takeover_p99_us"} Figure */
/** @typedef {{times: number[], stepMs: number}} Grid milliseconds since 1970, evenly spaced */
/** @typedef {{name: string, values: (number | null)[]}} Line one value a time of the grid; null: not known */

/** How far a sample is carried on, in steps: it was late, or it is the node's last. */
const CARRY_STEPS = 2;
/** More lines than colours nobody can tell apart. */
const MAX_LINES = 6;

export const SPANS = /** @type {const} */ ({
  "1h": { ms: 3_600_000, stepMs: 10_000, ring: "recent" },
  "24h": { ms: 86_400_000, stepMs: 300_000, ring: "coarse" },
});

/**
 * @param {keyof typeof SPANS} span
 * @param {number} nowMs
 * @returns {Grid}
 */
export function gridOf(span, nowMs) {
  const { ms, stepMs } = SPANS[span];
  const last = Math.floor(nowMs / stepMs) * stepMs;
  return { stepMs, times: Array.from({ length: ms / stepMs + 1 }, (_, at) => last - ms + at * stepMs) };
}

/**
 * @param {Sample[]} samples oldest first
 * @param {Figure} figure
 * @param {Grid} grid
 * @returns {(number | null)[]} at each time the latest value until the next one, if it is not too old
 */
export function valuesOf(samples, figure, { times, stepMs }) {
  let at = -1;
  return times.map((time) => {
    while (at + 1 < samples.length && Date.parse(samples[at + 1].t) < time + stepMs) at += 1;
    if (at === -1 || time - Date.parse(samples[at].t) > CARRY_STEPS * stepMs) return null;
    return samples[at][figure];
  });
}

/**
 * @param {NodeFigures[]} nodes
 * @param {keyof typeof SPANS} span
 * @param {Grid} grid
 * @param {Figure} figure
 * @param {string} name
 * @param {(values: number[]) => number} merge of the nodes that have a value
 * @returns {Line}
 */
export function merged(nodes, span, grid, figure, name, merge) {
  const all = nodes.map((node) => valuesOf(node[SPANS[span].ring], figure, grid));
  const values = grid.times.map((_, at) => {
    const known = all.map((each) => each[at]).filter((value) => value !== null);
    return known.length > 0 ? merge(known) : null;
  });
  return { name, values };
}

/**
 * A line for each node, the busiest first.
 * @param {NodeFigures[]} nodes
 * @param {keyof typeof SPANS} span
 * @param {Grid} grid
 * @param {Figure} figure
 * @returns {Line[]}
 */
export function byNode(nodes, span, grid, figure) {
  const { ring } = SPANS[span];
  const load = (/** @type {NodeFigures} */ node) => node[ring].at(-1)?.connections ?? 0;
  const busiest = [...nodes].sort((a, b) => Number(b.alive) - Number(a.alive) || load(b) - load(a)).slice(0, MAX_LINES);
  return busiest.map((node) => ({ name: `${node.name || "unnamed"} (${node.node.slice(0, 4)})`, values: valuesOf(node[ring], figure, grid) }));
}

/** @param {number[]} values */
export function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

/** @param {number[]} values */
export function most(values) {
  return Math.max(...values);
}

/** @param {number[]} values the middle one, the lower of two */
export function middle(values) {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
}
