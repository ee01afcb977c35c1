/**
 * What happened, and on whose word: filtered, read back page by page, watched as it happens, taken along as a file.
 *
 * @module
 */

/** @import {Happening} from "../model.js" */
/** @import {Place} from "../router.js" */

import { urlOf } from "../api.js";
import { h, icon, say } from "../dom.js";
import { addShortcuts } from "../keys.js";
import { eventColumns, eventRow } from "../parts/event-row.js";
import { choice, SEARCH_SHORTCUT, searchField } from "../parts/filters.js";
import { heading, isAtTop } from "../parts/heading.js";
import { nothing } from "../parts/states.js";
import { rowShortcuts, table } from "../parts/table.js";
import { MAX_SHOWN, Walk } from "../parts/walk.js";
import { isWanted } from "../parts/wanted.js";
import { batches } from "../poll.js";
import { remember } from "../router.js";
import { stream } from "../stream.js";
import { clock } from "../time.js";
import { countOf, plural } from "../words.js";

/** @type {[string, string][]} */
const KINDS = [
  ["", "Everything"],
  ["login", "Sign-ins"],
  ["takeover", "Takeovers"],
  ["failed,refused,full", "Refused sign-ins"],
  ["kicked,disabled,enabled,notice,job", "Acts of administrators"],
  ["idle,expired,logout", "Signed out, idle, expired"],
];
/** @type {[string, string][]} hours back */
const SPANS = [["", "Any time"], ["1", "Last hour"], ["24", "Last 24 hours"], ["168", "Last 7 days"]];
const HOUR_MS = 3_600_000;
const MEANWHILE = 200;
/** Shown at once at most: as many as the server tells after a cut. */
const MAX_BURST = 1000;

/**
 * @param {HTMLElement} main
 * @param {Place} place
 * @param {AbortSignal} signal
 */
export function show(main, { query }, signal) {
  const filter = { user: query.get("user") ?? "", type: query.get("type") ?? "", hours: query.get("hours") ?? "" };
  const columns = eventColumns();
  const { element, body } = table("Events", columns);
  const count = h("span", { class: "quiet count" });
  const news = h("button", { type: "button", class: "news", hidden: true, on: { click: () => load() } });
  const download = h("a", { class: "button", download: "hotseat-events.ndjson" }, icon("download"), "Export NDJSON");
  /** @type {Set<string>} the events that are shown */
  const known = new Set();
  const live = h("input", { type: "checkbox", id: "live", checked: true });

  /** @type {Walk<Happening>} */
  const walk = new Walk(
    {
      path: "events",
      member: "events",
      clear: () => {
        element.hidden = true;
        known.clear();
        body.replaceChildren();
      },
      put: (event) => {
        known.add(event.id);
        body.append(eventRow(event, columns));
      },
      count: () => body.childElementCount,
      empty: ({ user, type, since }) => (user || type || since ? nothing("Nothing matches", `No event ${user ? `of “${user}” ` : ""}that is kept fits the filters.${user ? " The id has to be whole here; Sessions finds by its beginning." : ""}`) : nothing("Nothing has happened yet", "Sign-ins, takeovers and acts of administrators appear here.")),
      shown: (isAll) => {
        element.hidden = body.childElementCount === 0;
        say(count, isAll ? plural(body.childElementCount, "event") : body.childElementCount > 0 ? `${countOf(body.childElementCount)} shown` : "");
      },
    },
    signal,
  );
  const asked = () => ({ user: filter.user, type: filter.type, since: filter.hours && new Date(clock.now() - Number(filter.hours) * HOUR_MS).toISOString() });
  /** @type {Happening[]} told since the log was read, as far as it can matter */
  let meanwhile = [];
  const prepend = (/** @type {Happening} */ event) => {
    if (!isWanted(event, filter) || known.has(event.id)) return;
    known.add(event.id);
    const arrived = eventRow(event, columns);
    arrived.classList.add("arrived");
    body.prepend(arrived);
    // What is watched for long is cut at its end: the log has it.
    const last = body.childElementCount > MAX_SHOWN ? /** @type {HTMLElement | null} */ (body.lastElementChild) : null;
    if (!last) return;
    known.delete(last.dataset.id ?? "");
    last.remove();
  };
  const showMissed = () => {
    news.hidden = false;
    say(news, "More happened than can be shown one by one. Load again");
  };
  const takeIn = batches(signal, (/** @type {Happening[]} */ events) => {
    if (events.length > MAX_BURST) return showMissed();
    events.forEach(prepend);
    walk.showFoot();
  });
  const load = async () => {
    news.hidden = true;
    download.href = urlOf("events/export", asked());
    meanwhile = [];
    await walk.begin(asked());
    // What happened after the log was read and before the answer was here.
    meanwhile.forEach(prepend);
    walk.showFoot();
  };
  const change = (/** @type {Partial<typeof filter>} */ part) => {
    Object.assign(filter, part);
    remember(filter);
    load();
  };
  const kinds = KINDS.some(([value]) => value === filter.type) ? KINDS : [...KINDS, /** @type {[string, string]} */ ([filter.type, filter.type])];

  main.replaceChildren(
    heading("Audit", "Every sign-in, refusal, takeover, end and act of an administrator.", download),
    h(
      "div",
      { class: "filters", role: "search" },
      searchField("User id, in full", filter.user, (user) => change({ user })),
      choice("Kind", kinds, filter.type, (type) => change({ type })),
      choice("Time", SPANS, filter.hours, (hours) => change({ hours })),
      h("label", { class: "toggle", for: "live" }, live, "Live"),
      count,
    ),
    news,
    h("div", { class: "table-frame" }, element, walk.foot),
  );
  addShortcuts([SEARCH_SHORTCUT, ...rowShortcuts(body), { keys: "l", label: "Follow live, or not", run: () => live.click() }], signal);
  live.addEventListener("change", () => live.checked && load());
  const hear = (/** @type {Happening} */ event) => {
    if (!live.checked) return;
    meanwhile = [...meanwhile.slice(-MEANWHILE), event];
    takeIn(event);
  };
  const stale = (/** @type {Record<string, number>} */ skipped) => {
    if (!live.checked) return;
    if (isAtTop() && Object.keys(skipped).length === 0) load();
    else showMissed();
  };
  stream.on({ event: hear, stale }, signal);
  load();
}
