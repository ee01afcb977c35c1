/**
 * A session as a row.
 *
 * @module
 */

/** @import {Session} from "../../sdk/model.js" */
/** @import {SessionPresence} from "../model.js" */

import { h, icon } from "../dom.js";
import { me } from "../me.js";
import { linkTo } from "../router.js";
import { timeOf } from "../time.js";
import { CLASSES, countOf, nameOf } from "../words.js";
import { badge } from "./heading.js";
import { row } from "./table.js";

/** @import {Column} from "./table.js" */

/** @typedef {{select?: () => void, end?: (session: Session) => void, user?: boolean}} RowOptions `user`: whether to say whose it is */

/**
 * @param {Session} session
 * @param {Column[]} columns those of `columnsFor` with the same options
 * @param {RowOptions} options
 */
export function sessionRow(session, columns, { select, end, user = true }) {
  const { id, user_id, device, ip, node, connections } = session;
  const label = `${nameOf(device)} of ${user_id}`;
  const own = id === me.session?.id;
  const cells = [
    select && me.mayAct && h("input", { type: "checkbox", name: "session", value: id, "aria-label": `Select ${label}`, on: { change: select } }),
    user && [h("a", { href: linkTo("users", user_id), class: "name", title: user_id }, user_id), own && badge("you", "accent")],
    h("span", { class: "device" }, icon(device.class), h("span", { class: "device-name", title: `${nameOf(device)} (${CLASSES[device.class]})` }, nameOf(device)), h("span", { class: "unseen" }, `, ${CLASSES[device.class]}`), !user && own && badge("you", "accent")),
    ip ? h("code", { title: ip }, ip) : "–",
    nodeOf(node),
    connectionsOf(connections),
    timeOf(session.created_at, "age"),
    timeOf(session.last_seen_at),
    end && me.mayAct && h("button", { type: "button", class: "bare", title: "End this session", "aria-label": `End ${label}`, on: { click: () => end(session) } }, icon("end")),
  ];
  const shown = [select && me.mayAct, user, true, true, true, true, true, true, end && me.mayAct];
  return row(columns, cells.filter((_, at) => shown[at]).map((cell) => cell ?? null), { data: { id } });
}

/** @param {string | null} node that of the latest connection */
function nodeOf(node) {
  if (!node) return h("span", { class: "quiet" }, "none");
  return h("a", { href: linkTo("sessions", null, { node }), title: `Sessions at node ${node}` }, h("code", null, node.slice(0, 8)));
}

/** @param {number} count */
function connectionsOf(count) {
  return count > 0 ? h("span", { class: "live" }, countOf(count)) : h("span", { class: "quiet" }, "0");
}

/**
 * Shows in the row of a session how it is connected now. What stays the same is not touched: it may have the focus.
 * @param {Element} row
 * @param {Session} session as the row shows it; is changed
 * @param {SessionPresence} presence
 */
export function movePresence(row, session, { node, connections, last_seen_at }) {
  /** @param {string} label @param {Node} content */
  const put = (label, content) => row.querySelector(`[data-label="${label}"]`)?.replaceChildren(content);
  if (session.node !== node) put("Node", nodeOf(node));
  if (session.connections !== connections) put("Connections", connectionsOf(connections));
  if (session.last_seen_at !== last_seen_at) put("Last seen", timeOf(last_seen_at));
  Object.assign(session, { node, connections, last_seen_at });
}

/**
 * @param {RowOptions} options
 * @param {(by: (session: Session) => string | number, direction: 1 | -1) => void} [sort]
 * @returns {Column[]}
 */
export function columnsFor({ select, end, user = true }, sort) {
  /** @param {(session: Session) => string | number} by */
  const sorted = (by) => sort && ((/** @type {1 | -1} */ direction) => sort(by, direction));
  /** @type {(Column | null | undefined | false)[]} */
  const columns = [
    select && me.mayAct && { label: "Select", kind: "check" },
    user && { label: "User", sort: sorted(({ user_id }) => user_id) },
    { label: "Device", sort: sorted(({ device }) => nameOf(device)) },
    { label: "Address", sort: sorted(({ ip }) => ip ?? "") },
    { label: "Node", sort: sorted(({ node }) => node ?? "") },
    { label: "Connections", kind: "number", sort: sorted(({ connections }) => connections) },
    { label: "Age", kind: "number", sort: sorted(({ created_at }) => -Date.parse(created_at)) },
    { label: "Last seen", kind: "number", sort: sorted(({ last_seen_at }) => -Date.parse(last_seen_at)) },
    end && me.mayAct && { label: "End", kind: "check" },
  ];
  return columns.filter((column) => !!column);
}
