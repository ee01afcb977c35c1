/**
 * The store: what its servers say of themselves, and what is near a bound.
 *
 * @module
 */

/** @import {ServerView, StoreView, Threshold} from "../model.js" */
/** @import {Place} from "../router.js" */

import { isAbort, read } from "../api.js";
import { h, icon } from "../dom.js";
import { badge, heading, panel } from "../parts/heading.js";
import { showFailure, skeleton } from "../parts/states.js";
import { poll } from "../poll.js";
import { durationOf } from "../time.js";
import { bytesOf, countOf, latencyOf, shortOf } from "../words.js";

const EVERY_MS = 10_000;

const percentOf = (/** @type {number} */ value) => `${shortOf(Math.round(value * 10) / 10)} %`;

/** @type {Record<string, [label: string, format: (value: number) => string]>} */
const BOUNDS = {
  memory_percent: ["Memory in use", percentOf],
  round_trip_us: ["Round trip", latencyOf],
  replication_lag_bytes: ["Replication lag", bytesOf],
  clients: ["Clients", countOf],
  hit_percent: ["Hit rate", percentOf],
};

/**
 * @param {HTMLElement} main
 * @param {Place} _place
 * @param {AbortSignal} signal
 */
export function show(main, _place, signal) {
  const body = h("div", { class: "store" }, skeleton(8));
  main.replaceChildren(heading("Store", "Where sessions, tombstones and the log are kept."), body);
  const again = poll(EVERY_MS, signal, async () => {
    try {
      body.replaceChildren(...draw(await read("store", {}, signal)));
    } catch (error) {
      if (!isAbort(error)) showFailure(body, error, () => again());
    }
  });
}

/** @param {StoreView} store */
function draw({ description, servers, faults, warnings, thresholds }) {
  const told = [...faults.map((text) => ["bad", text]), ...warnings.map((text) => ["warn", text])];
  return [
    h("p", null, h("b", null, description)),
    told.length > 0 && h("ul", { class: "warnings" }, told.map(([tone, text]) => h("li", { class: tone }, icon("warning"), `The store ${text}.`))),
    thresholds.length > 0 && panel("Bounds", h("ul", { class: "bounds" }, thresholds.map((threshold) => bound(threshold)))),
    ...servers.map((server) => panel(server.name, serverFacts(server))),
  ].filter((part) => !!part);
}

/** @param {Threshold} threshold */
function bound({ name, server, value, limit, state }) {
  const [label, format] = BOUNDS[name] ?? [name.replaceAll("_", " "), shortOf];
  const warns = state === "warn";
  // A share is one of 100, however near its bound it is.
  const max = name.endsWith("_percent") ? 100 : Math.max(limit, value) || 1;
  const meter = h("meter", { min: 0, max, value, "aria-label": label, class: state });
  return h(
    "li",
    null,
    h("p", null, h("span", { class: "quiet" }, label), warns && badge("Look at this", "warn")),
    h("p", { class: "figure", title: server ? `Worst at ${server}` : "" }, format(value)),
    meter,
    h("p", { class: "quiet" }, `${name.startsWith("hit") ? "warns below" : "warns from"} ${format(limit)}`),
  );
}

/** @param {ServerView} server */
function serverFacts(server) {
  const { memory_bytes, memory_max_bytes, hit_rate } = server;
  const memory = memory_bytes === null ? null : `${bytesOf(memory_bytes)}${memory_max_bytes ? ` of ${bytesOf(memory_max_bytes)}` : ", no limit set"}`;
  /** @type {[string, string | null][]} */
  const facts = [
    ["Version", server.version],
    ["Up", server.uptime_s === null ? null : durationOf(server.uptime_s, { units: 2 })],
    ["Memory", memory],
    ["On disk", server.disk_bytes === null ? null : bytesOf(server.disk_bytes)],
    ["Keys", server.keys === null ? null : countOf(server.keys)],
    ["Clients", server.clients === null ? null : countOf(server.clients)],
    ["Commands", server.commands_per_s === null ? null : `${countOf(server.commands_per_s)} a second`],
    ["Hit rate", hit_rate === null ? null : percentOf(hit_rate * 100)],
    ["Replicas", server.replicas === null ? null : countOf(server.replicas)],
    ["Replication lag", server.replication_lag_bytes === null ? null : bytesOf(server.replication_lag_bytes)],
    ["Round trip", server.round_trip_us === null ? null : latencyOf(server.round_trip_us)],
  ];
  const known = facts.filter(([, value]) => value !== null);
  return h("dl", { class: "facts two" }, known.map(([label, value]) => h("div", null, h("dt", null, label), h("dd", null, value))));
}
