/**
 * The most contested accounts: who is taken over most, and between which devices and addresses. Passwords that are
 * shared or stolen show here first.
 *
 * @module
 */

/** @import {Rival, Seat} from "../model.js" */
/** @import {Place} from "../router.js" */

import { read } from "../api.js";
import { h, icon } from "../dom.js";
import { addShortcuts } from "../keys.js";
import { segments } from "../parts/filters.js";
import { heading } from "../parts/heading.js";
import { nothing, showWhenLoaded } from "../parts/states.js";
import { row, rowShortcuts, table } from "../parts/table.js";
import { linkTo, remember } from "../router.js";
import { momentOf, timeOf } from "../time.js";
import { countOf, nameOf, plural } from "../words.js";

const COLUMNS = [
  { label: "Rank", kind: "number" },
  { label: "User" },
  { label: "Takeovers", kind: "number" },
  { label: "Seen with" },
  { label: "From whom to whom" },
];
const TOP = 50;
const PAIRS_SHOWN = 3;

/**
 * @param {HTMLElement} main
 * @param {Place} place
 * @param {AbortSignal} signal
 */
export function show(main, { query }, signal) {
  let period = query.get("period") === "week" ? "week" : "day";
  const body = h("div", { class: "table-frame" });
  let asking = new AbortController();
  const load = () => {
    asking.abort();
    asking = new AbortController();
    const asked = AbortSignal.any([asking.signal, signal]);
    showWhenLoaded(body, 8, async () => draw(await read("contested", { period, top: TOP }, asked), asked));
  };
  const periods = segments("Period", [["day", "Today"], ["week", "This week"]], period, (chosen) => {
    period = chosen;
    remember({ period });
    load();
  });
  main.replaceChildren(heading("Contested", "Accounts whose seat changes hands most: shared passwords, or stolen ones.", periods), body);
  load();
}

/**
 * @param {{since: string, users: Rival[]}} answer
 * @param {AbortSignal} signal
 */
function draw({ since, users }, signal) {
  if (users.length === 0) return [nothing("Nobody was taken over", `Since ${momentOf(since)}, no account changed hands.`)];
  const { element, body } = table("Most contested accounts", COLUMNS);
  body.append(...users.map((user) => rivalRow(user)));
  addShortcuts(rowShortcuts(body), signal);
  return [element, h("p", { class: "table-note quiet" }, `Counted since ${momentOf(since)}. Users with as many takeovers share a rank.`)];
}

/** @param {Rival} rival */
function rivalRow({ rank, user_id: user, takeovers, evidence }) {
  const pairs = evidence.pairs.slice(0, PAIRS_SHOWN).map(({ from, to, at }) => h("li", null, seat(from), icon("arrow"), h("span", { class: "unseen" }, " to "), seat(to), h("span", { class: "quiet" }, timeOf(at))));
  return row(COLUMNS, [
    countOf(rank),
    h("a", { class: "name", href: linkTo("users", user), title: user }, user),
    h("b", null, countOf(takeovers)),
    h("span", null, plural(evidence.devices, "device"), ", ", plural(evidence.addresses, "address", "addresses")),
    pairs.length > 0 ? h("ul", { class: "pairs", "aria-label": plural(pairs.length, "latest takeover") }, pairs) : h("span", { class: "quiet" }, "no longer in the log"),
  ]);
}

/** @param {Seat} side */
function seat({ device, ip }) {
  if (!device && !ip) return h("span", { class: "quiet" }, "not known any more");
  return h("span", { class: "device" }, device && icon(device.class), device && nameOf(device), ip && h("code", null, ip));
}
