/**
 * Who is disabled: found again, and enabled. The list moves by what the stream tells.
 *
 * @module
 */

/** @import {DisabledUser, Happening} from "../model.js" */
/** @import {Place} from "../router.js" */

import { toggleDisabled } from "../acts.js";
import { h, say } from "../dom.js";
import { addShortcuts } from "../keys.js";
import { me } from "../me.js";
import { DisabledUsers } from "../parts/disabled-users.js";
import { SEARCH_SHORTCUT, searchField } from "../parts/filters.js";
import { heading, isAtTop } from "../parts/heading.js";
import { nothing } from "../parts/states.js";
import { focusedRow, focusRow, rowShortcuts } from "../parts/table.js";
import { Walk } from "../parts/walk.js";
import { remember } from "../router.js";
import { stream } from "../stream.js";
import { countOf, plural } from "../words.js";

const MEANWHILE = 200;

/**
 * @param {HTMLElement} main
 * @param {Place} place
 * @param {AbortSignal} signal
 */
export function show(main, { query }, signal) {
  const filter = { q: query.get("q") ?? "" };
  const enable = async (/** @type {string} */ user) => {
    const neighbour = list.besides(user);
    if (!(await toggleDisabled(user, true))) return;
    list.remove(user);
    walk.showFoot();
    // The stream may have taken the row away while the dialog was open, and with it where the focus was.
    if (document.activeElement?.tagName === "H1" && neighbour?.isConnected) focusRow(neighbour);
  };
  const list = new DisabledUsers(enable);
  const count = h("span", { class: "quiet count" });
  const news = h("button", { type: "button", class: "news", hidden: true, on: { click: () => load() } }, "The list has changed. Load again");
  /** @type {Walk<DisabledUser>} */
  const walk = new Walk(
    {
      path: "users",
      member: "users",
      clear: () => list.clear(),
      put: (user) => list.put(user),
      count: () => list.size,
      empty: ({ q }) => (q ? nothing("Nobody matches", `Nobody is disabled whose id begins with “${q}”.`) : nothing("Nobody is disabled", "Who is, is refused until an administrator enables the user.")),
      shown: (isAll) => {
        list.element.hidden = list.size === 0;
        say(count, isAll ? plural(list.size, "user") : list.size > 0 ? `${countOf(list.size)} shown` : "");
      },
    },
    signal,
  );
  /** @type {Happening[]} told since the list was read, as far as it can matter */
  let meanwhile = [];
  const load = async () => {
    news.hidden = true;
    meanwhile = [];
    await walk.begin({ disabled: "true", ...filter });
    // What happened after the list was read and before the answer was here.
    meanwhile.forEach(take);
    walk.showFoot();
  };
  const take = (/** @type {Happening} */ { type, user, time }) => {
    if (!user) return;
    if (type === "enabled") list.remove(user);
    else list.put({ user_id: user, disabled_at: time }, true);
  };
  const search = searchField("User id begins with", filter.q, (q) => {
    Object.assign(filter, { q });
    remember(filter);
    load();
  });
  main.replaceChildren(heading("Disabled", "Users who are refused until they are enabled."), h("div", { class: "filters", role: "search" }, search, count), news, h("div", { class: "table-frame" }, list.element, walk.foot));
  const acts = [{ keys: "e", label: "Enable the user of the row", run: () => list.enableCurrent() }];
  addShortcuts([SEARCH_SHORTCUT, ...rowShortcuts(list.body), ...(me.mayAct ? acts : [])], signal);
  const hear = (/** @type {Happening} */ event) => {
    if (event.type !== "disabled" && event.type !== "enabled") return;
    if (!event.user?.startsWith(filter.q)) return;
    meanwhile = [...meanwhile.slice(-MEANWHILE), event];
    take(event);
    walk.showFoot();
  };
  const stale = (/** @type {Record<string, number>} */ skipped) => {
    const isOthers = Object.keys(skipped).length > 0 && !skipped.disabled && !skipped.enabled;
    if (isOthers) return;
    if (isAtTop() && !focusedRow(list.body)) load();
    else news.hidden = false;
  };
  stream.on({ event: hear, stale }, signal);
  load();
}
