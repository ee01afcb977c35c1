/**
 * How it goes: the figures of now, their course over time, and what happens at this moment.
 *
 * @module
 */

/** @import {Stats} from "../model.js" */
/** @import {Place} from "../router.js" */

import { isAbort, read } from "../api.js";
import { h } from "../dom.js";
import { Chart } from "../parts/chart.js";
import { segments } from "../parts/filters.js";
import { heading } from "../parts/heading.js";
import { recentPanel } from "../parts/recent.js";
import { byNode, gridOf, merged, middle, most, sum } from "../parts/series.js";
import { showFailure } from "../parts/states.js";
import { Tiles } from "../parts/tiles.js";
import { poll } from "../poll.js";
import { remember } from "../router.js";
import { latencyOf, rateOf, shortOf } from "../words.js";

/** Nodes report every 10 s. */
const EVERY_MS = 5000;

/**
 * @param {HTMLElement} main
 * @param {Place} place
 * @param {AbortSignal} signal
 */
export function show(main, { query }, signal) {
  /** @type {"1h" | "24h"} */
  let span = query.get("span") === "24h" ? "24h" : "1h";
  let isByNode = query.get("by") === "node";
  /** @type {Stats | null} */
  let stats = null;
  const tiles = new Tiles();
  const problem = h("div", { class: "overview-problem" });
  const plots = {
    connections: new Chart("Connections", shortOf, signal),
    logins: new Chart("Logins a second", rateOf, signal),
    takeovers: new Chart("Takeovers a second", rateOf, signal),
    latency: new Chart("Takeover latency", latencyOf, signal),
  };
  const draw = () => {
    if (!stats) return;
    tiles.show(stats);
    for (const [name, lines] of Object.entries(linesOf(stats, span, isByNode))) plots[/** @type {keyof typeof plots} */ (name)].show(lines);
  };
  const choose = (/** @type {() => void} */ change) => {
    change();
    remember({ span: span === "1h" ? "" : span, by: isByNode ? "node" : "" });
    draw();
  };
  main.replaceChildren(
    heading(
      "Overview",
      "All nodes, as they reported in the last seconds.",
      segments("Nodes", [["all", "All nodes"], ["node", "By node"]], isByNode ? "node" : "all", (by) => choose(() => (isByNode = by === "node"))),
      segments("Time", [["1h", "1 hour"], ["24h", "24 hours"]], span, (chosen) => choose(() => (span = chosen === "24h" ? "24h" : "1h"))),
    ),
    problem,
    tiles.element,
    h("div", { class: "charts" }, Object.values(plots).map(({ element }) => element)),
    recentPanel(signal),
  );
  const again = poll(EVERY_MS, signal, async () => {
    try {
      stats = await read("stats", {}, signal);
      problem.replaceChildren();
      draw();
    } catch (error) {
      if (!isAbort(error)) showFailure(problem, error, () => again());
    }
  });
}

/**
 * @param {Stats} stats
 * @param {"1h" | "24h"} span
 * @param {boolean} isByNode
 */
function linesOf({ now, nodes }, span, isByNode) {
  const grid = gridOf(span, Date.parse(now));
  if (isByNode) {
    const each = (/** @type {import("../parts/series.js").Figure} */ figure) => ({ grid, lines: byNode(nodes, span, grid, figure) });
    const p99 = { grid, lines: each("takeover_p99_us").lines.map(({ name, values }) => ({ name: `p99 of ${name}`, values })) };
    return { connections: each("connections"), logins: each("logins_per_s"), takeovers: each("takeovers_per_s"), latency: p99 };
  }
  const total = (/** @type {import("../parts/series.js").Figure} */ figure) => ({ grid, lines: [merged(nodes, span, grid, figure, "All nodes", sum)] });
  return {
    connections: total("connections"),
    logins: total("logins_per_s"),
    takeovers: total("takeovers_per_s"),
    // Percentiles of nodes can't be summed: the worst node's stands for all.
    latency: {
      grid,
      lines: [merged(nodes, span, grid, "takeover_p99_us", "p99, worst node", most), merged(nodes, span, grid, "takeover_p50_us", "p50, middle node", middle)],
    },
  };
}
