/**
 * The nodes, as they last said of themselves.
 *
 * @module
 */

/** @import {NodeView} from "../model.js" */
/** @import {Place} from "../router.js" */

import { isAbort, read } from "../api.js";
import { h } from "../dom.js";
import { badge, heading } from "../parts/heading.js";
import { nothing, showFailure, skeleton } from "../parts/states.js";
import { row, table } from "../parts/table.js";
import { poll } from "../poll.js";
import { linkTo } from "../router.js";
import { durationOf, timeOf } from "../time.js";
import { countOf } from "../words.js";

/** They report every 10 s. */
const EVERY_MS = 5000;
/** A store that has not answered for so long is worth a word: renewals are further apart. */
const SILENCE_S = 20;
const COLUMNS = [
  { label: "Node" },
  { label: "State" },
  { label: "Version" },
  { label: "Up", kind: "number" },
  { label: "Connections", kind: "number" },
  { label: "Sessions", kind: "number" },
  { label: "Last renewal", kind: "number" },
  { label: "Last report", kind: "number" },
];

/**
 * @param {HTMLElement} main
 * @param {Place} _place
 * @param {AbortSignal} signal
 */
export function show(main, _place, signal) {
  const body = h("div", { class: "table-frame" }, skeleton(4));
  main.replaceChildren(heading("Nodes", "Every node that has reported in the last 24 hours."), body);
  const again = poll(EVERY_MS, signal, async () => {
    try {
      draw(body, (await read("nodes", {}, signal)).nodes);
    } catch (error) {
      if (!isAbort(error)) showFailure(body, error, () => again());
    }
  });
}

/**
 * @param {HTMLElement} place
 * @param {NodeView[]} nodes
 */
function draw(place, nodes) {
  if (nodes.length === 0) return place.replaceChildren(nothing("No node has reported yet", "Nodes report every 10 seconds."));
  const { element, body } = table("Nodes", COLUMNS);
  const alive = [...nodes].sort((a, b) => Number(b.alive) - Number(a.alive));
  body.append(...alive.map((node) => nodeRow(node)));
  // Same rows, newer figures: the focus stays where it was.
  const focused = /** @type {HTMLElement | null} */ (document.activeElement?.closest("tr"))?.dataset.id;
  place.replaceChildren(element);
  if (focused) /** @type {HTMLElement | null} */ (body.querySelector(`[data-id="${focused}"]`))?.focus();
}

/** @param {NodeView} node */
function nodeRow(node) {
  const { alive } = node;
  const name = h("span", null, node.name || "unnamed", " ", h("code", { class: "quiet" }, node.node));
  return row(
    COLUMNS,
    [
      alive ? h("a", { class: "name", href: linkTo("sessions", null, { node: node.node }) }, name) : name,
      statesOf(node).map(([text, tone]) => badge(text, tone)),
      h("code", null, node.version),
      alive && node.started_at ? timeOf(node.started_at, "age") : "–",
      alive ? countOf(node.connections) : "–",
      alive ? countOf(node.sessions) : "–",
      timeOf(node.last_renewal_at),
      timeOf(node.reported_at),
    ],
    { data: { id: node.node }, class: alive ? "" : "past" },
  );
}

/**
 * @param {NodeView} node
 * @returns {[string, string][]}
 */
function statesOf({ alive, draining, fenced, is_hearing, store_silence_s: silence_s }) {
  if (!alive) return [["Gone", ""]];
  /** @type {[boolean, string, string][]} */
  const states = [
    [fenced, "Fenced", "bad"],
    [draining, "Draining", "warn"],
    [!is_hearing, "Hears no messages", "bad"],
    [silence_s > SILENCE_S, `Store silent ${durationOf(silence_s)}`, "warn"],
  ];
  const shown = states.filter(([holds]) => holds).map(([, text, tone]) => /** @type {[string, string]} */ ([text, tone]));
  return shown.length > 0 ? shown : [["Well", "good"]];
}
