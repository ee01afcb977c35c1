/**
 * One user: the devices, what happened lately, how contested the account is, and what can be done about it.
 *
 * @module
 */

/** @import {Session} from "../../sdk/model.js" */
/** @import {Happening, UserView} from "../model.js" */
/** @import {Place} from "../router.js" */

import { endSessions, endUser, sendNotice, toggleDisabled } from "../acts.js";
import { read, userPath } from "../api.js";
import { announce, h, icon } from "../dom.js";
import { me } from "../me.js";
import { eventColumns, eventRow } from "../parts/event-row.js";
import { badge, heading, panel } from "../parts/heading.js";
import { followNodes } from "../parts/node-news.js";
import { followPresence } from "../parts/presence-news.js";
import { columnsFor, sessionRow } from "../parts/session-row.js";
import { SessionRows } from "../parts/session-rows.js";
import { nothing, showWhenLoaded } from "../parts/states.js";
import { table } from "../parts/table.js";
import { paced } from "../poll.js";
import { linkTo } from "../router.js";
import { stream } from "../stream.js";
import { timeOf } from "../time.js";
import { HAPPENINGS, plural } from "../words.js";

/** What happens to one user in a burst is read once. */
const NEWS_PACE = { soonMs: 600, everyMs: 2000 };
/** A busy system says every second that more happened than it tells; rarely is it about this user. */
const STALE_PACE = { soonMs: 600, everyMs: 10_000 };

/**
 * @param {HTMLElement} main
 * @param {Place} place
 * @param {AbortSignal} signal
 */
export function show(main, { id }, signal) {
  const user = id ?? "";
  const body = h("div", { class: "user" });
  main.replaceChildren(heading(user, "User"), body);
  /** @type {Devices | null} */
  let devices = null;
  const load = async () => {
    const view = await read(userPath(user), {}, signal);
    devices = new Devices(view.sessions, reload);
    return draw(main, view, devices, reload);
  };
  const reload = async () => {
    // What is shown stays until its successor is there; the stream tells again if this fails.
    const parts = await load().catch(() => null);
    if (!parts || signal.aborted) return;
    const hadFocus = body.contains(document.activeElement);
    body.replaceChildren(...parts);
    if (hadFocus) main.querySelector("h1")?.focus({ preventScroll: true });
  };
  const soon = paced(NEWS_PACE, signal, reload);
  const happened = (/** @type {Happening} */ event) => {
    if (event.user !== user) return;
    announce(HAPPENINGS[event.reason ?? event.type] ?? event.type);
    soon();
  };
  stream.on({ event: happened, stale: paced(STALE_PACE, signal, reload) }, signal);
  const heardOfNodes = followPresence({ move: (presence) => devices?.rows.move(presence), remove: soon, inView: () => devices?.rows.inView() ?? [] }, signal);
  followNodes(signal, heardOfNodes);
  showWhenLoaded(body, 10, load);
}

/** The sessions of the user, each on its device. */
class Devices {
  /**
   * @param {Session[]} sessions
   * @param {() => Promise<void>} reload
   */
  constructor(sessions, reload) {
    const options = { user: false, end: async (/** @type {Session} */ session) => (await endSessions([session])) && reload() };
    const columns = columnsFor(options);
    const { element, body } = table("Devices that are signed in", columns);
    this.element = element;
    this.rows = new SessionRows(body, (session) => sessionRow(session, columns, options));
    for (const session of sessions) this.rows.add(session, false);
  }
}

/**
 * @param {HTMLElement} main
 * @param {UserView} view
 * @param {Devices} devices
 * @param {() => Promise<void>} reload
 */
function draw(main, view, devices, reload) {
  const { user_id: user, sessions, events, disabled } = view;
  const title = main.querySelector(".heading");
  // The title itself stays, and so does the focus on it.
  title?.querySelector(".heading-actions")?.replaceChildren(...actionsFor(view, reload));
  title?.querySelector("p")?.replaceChildren(disabled ? badge("Disabled", "bad") : "User", disabled ? " " : "", view.disabled_at ? timeOf(view.disabled_at) : "");
  return [
    panel(`Devices (${sessions.length})`, sessions.length > 0 ? devices.element : nothing("Not signed in", disabled ? "Logins are refused until the user is enabled." : "No device of this user is signed in just now.")),
    panel("Contested", standings(view)),
    panel("Last events", events.length > 0 ? log(events) : nothing("Nothing is known", "The log keeps what happened for as long as it is configured to."), events.length > 0 && h("p", { class: "panel-foot" }, h("a", { href: linkTo("audit", null, { user }) }, "All in the audit"))),
  ];
}

/**
 * @param {UserView} view
 * @param {() => Promise<void>} reload
 * @returns {Node[]}
 */
function actionsFor({ user_id: user, sessions, disabled }, reload) {
  if (!me.mayAct) return [];
  const button = (/** @type {string} */ label, /** @type {string} */ name, /** @type {string} */ kind, /** @type {() => Promise<boolean>} */ act) =>
    h("button", { type: "button", class: kind, on: { click: async () => (await act()) && reload() } }, icon(name), label);
  return [
    button("Send notice", "message", "", () => sendNotice({ user }, user)),
    ...(sessions.length > 0 ? [button("End all", "end", "danger", () => endUser(user, sessions.length))] : []),
    disabled ? button("Enable user", "check", "primary", () => toggleDisabled(user, true)) : button("Disable user", "block", "danger", () => toggleDisabled(user, false)),
  ];
}

/** @param {Happening[]} events */
function log(events) {
  const columns = eventColumns({ user: false });
  const { element, body } = table("Last events", columns);
  body.append(...events.map((event) => eventRow(event, columns)));
  return element;
}

/** @param {UserView} view */
function standings({ contested }) {
  const periods = /** @type {const} */ ([["Today", contested.day, "day"], ["This week", contested.week, "week"]]);
  return h(
    "dl",
    { class: "facts" },
    periods.map(([label, standing, period]) =>
      h("div", null, h("dt", null, label), h("dd", null, standing ? [plural(standing.takeovers, "takeover"), h("a", { href: linkTo("contested", null, { period }) }, standing.rank === null ? "rank not known" : `rank ${standing.rank}`)] : h("span", { class: "quiet" }, "Not taken over"))),
    ),
  );
}
