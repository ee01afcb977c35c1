/**
 * All live sessions: searched as one types, filtered, read on page by page, and moving by themselves.
 *
 * @module
 */

/** @import {Session} from "../../sdk/model.js" */
/** @import {NodeView, SessionPresence} from "../model.js" */
/** @import {Place} from "../router.js" */

import { endSessions } from "../acts.js";
import { announce, fill, h, icon, say } from "../dom.js";
import { addShortcuts } from "../keys.js";
import { me } from "../me.js";
import { choice, SEARCH_SHORTCUT, searchField } from "../parts/filters.js";
import { heading, isAtTop } from "../parts/heading.js";
import { followNodes } from "../parts/node-news.js";
import { followPresence } from "../parts/presence-news.js";
import { SessionList } from "../parts/session-list.js";
import { followSessions } from "../parts/session-news.js";
import { focusRow, rowShortcuts } from "../parts/table.js";
import { remember } from "../router.js";
import { CLASSES, countOf, plural } from "../words.js";

/**
 * @param {HTMLElement} main
 * @param {Place} place
 * @param {AbortSignal} signal
 */
export function show(main, { query }, signal) {
  const filter = { q: query.get("q") ?? "", node: query.get("node") ?? "", class: query.get("class") ?? "" };
  const chosen = h("span");
  const endChosen = h("button", { type: "button", class: "danger", on: { click: () => end(list.selected()) } }, icon("end"), "End selected");
  const clear = h("button", { type: "button", on: { click: () => list.selectNone() } }, "Clear");
  const bar = h("div", { class: "selection", role: "region", "aria-label": "Selected sessions", hidden: true }, chosen, endChosen, clear);
  const count = h("span", { class: "quiet count" });

  const list = new SessionList(signal, {
    selected: (sessions) => {
      bar.hidden = sessions.length === 0;
      say(chosen, `${plural(sessions.length, "session")} selected`);
    },
    shown: (shown, isAll) => say(count, isAll ? plural(shown, "session") : shown > 0 ? `${countOf(shown)} shown` : ""),
    end: (session) => end([session]),
  });
  const end = async (/** @type {Session[]} */ sessions) => {
    if (sessions.length === 0 || !(await endSessions(sessions))) return;
    list.selectNone();
    for (const { id } of sessions) list.remove(id);
  };
  const load = () => {
    forgetMissed();
    list.load(filter);
  };
  const change = (/** @type {Partial<typeof filter>} */ part) => {
    Object.assign(filter, part);
    remember(filter);
    load();
  };

  /** @type {[string, string][]} */
  const linked = filter.node ? [[filter.node, filter.node]] : [];
  const nodes = choice("Node", [["", "Every node"], ...linked], filter.node, (node) => change({ node }));
  const filters = h(
    "div",
    { class: "filters", role: "search" },
    searchField("User id begins with", filter.q, (q) => change({ q })),
    choice("Device class", [["", "Every device"], ...Object.entries(CLASSES)], filter.class, (value) => change({ class: value })),
    nodes,
    count,
  );
  const news = h("button", { type: "button", class: "news", hidden: true, on: { click: () => load() } });
  main.replaceChildren(heading("Sessions", "Everybody who is signed in, on every node."), filters, news, list.element, bar);
  const acts = [
    { keys: "x", label: "Select the row", run: () => list.toggleCurrent() },
    { keys: "e", label: "End the selected, or the row", run: () => end(list.selectedOrCurrent()) },
  ];
  addShortcuts(
    [
      SEARCH_SHORTCUT,
      ...rowShortcuts(list.body),
      ...(me.mayAct ? acts : []),
    ],
    signal,
  );
  main.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" || /** @type {Element} */ (event.target).id !== "search") return;
    event.preventDefault();
    focusRow(list.body.querySelector("tr") ?? /** @type {HTMLElement | null} */ (list.element.querySelector(".nothing a")));
  }, { signal });
  const forgetMissed = followSessions(list, filter, signal, (missed, isUnsure) => {
    const isWhole = missed === 0 && !isUnsure;
    if (isUnsure && isAtTop() && list.selected().length === 0) return load();
    if (news.hidden && !isWhole) announce("The list has changed.");
    news.hidden = isWhole;
    say(news, `${isUnsure ? "Changes may be missing" : `${plural(missed, "change")} came too fast to show`}. Load again`);
  });
  const rows = {
    move: (/** @type {SessionPresence} */ presence) => {
      list.move(presence);
      if (filter.node && presence.node !== filter.node) list.leave(presence.id);
    },
    remove: (/** @type {string} */ id) => list.remove(id),
    inView: () => list.inView(),
  };
  const heardOfNodes = followPresence(rows, signal);
  followNodes(signal, (all) => {
    heardOfNodes(all);
    offerNodes(nodes, all);
  });
  load();
}

/**
 * Lets the nodes be chosen that are alive, and the one that is chosen; not while somebody chooses.
 * @param {HTMLSelectElement} select
 * @param {NodeView[]} nodes
 */
function offerNodes(select, nodes) {
  if (document.activeElement === select) return;
  const { value } = select;
  const offered = nodes.filter(({ node, alive }) => alive || node === value);
  const options = offered.map(({ node, name }) => h("option", { value: node }, name ? `${name} (${node.slice(0, 8)})` : node));
  const isKnown = offered.some(({ node }) => node === value) || value === "";
  fill(select, h("option", { value: "" }, "Every node"), options, !isKnown && h("option", { value }, value));
  select.value = value;
}
