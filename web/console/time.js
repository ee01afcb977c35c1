/**
 * Time as people say it: relative in the text, absolute in the title, ticking while it is looked at.
 *
 * @module
 */

import { h, say } from "./dom.js";

const TICK_MS = 1000;
/** `Date` has whole seconds and took a while to arrive: less than this is no difference. */
const CLOCKS_AGREE_MS = 3000;

const MOMENT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const CLOCK = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const MINUTES = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });
const UNITS = /** @type {const} */ ([
  ["d", 86_400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
]);

/** The server's clock, by what its answers say: an administrator's own may be wrong. */
export const clock = {
  offsetMs: 0,

  now() {
    return Date.now() + this.offsetMs;
  },

  learn(/** @type {string | null} */ date) {
    const offsetMs = date ? Date.parse(date) - Date.now() : 0;
    this.offsetMs = Math.abs(offsetMs) < CLOCKS_AGREE_MS || Number.isNaN(offsetMs) ? 0 : offsetMs;
  },
};

/** @param {string | number} time RFC 3339, or milliseconds since 1970 */
export function momentOf(time) {
  return MOMENT.format(new Date(time));
}

/** @param {number} ms since 1970 */
export function clockOf(ms) {
  return CLOCK.format(ms);
}

/** @param {number} ms since 1970 */
export function minuteOf(ms) {
  return MINUTES.format(ms);
}

/** @param {number} seconds as its largest unit, or its two largest: `5 min`, `3 h 12 min` */
export function durationOf(seconds, { units = 1 } = {}) {
  const first = UNITS.findIndex(([, size]) => seconds >= size);
  if (first === -1) return "0 s";
  let rest = seconds;
  const words = [];
  for (const [name, size] of UNITS.slice(first, first + units)) {
    const count = Math.floor(rest / size);
    if (count > 0) words.push(`${count} ${name}`);
    rest -= count * size;
  }
  return words.join(" ");
}

/**
 * @param {string} time RFC 3339
 * @param {number} [nowMs]
 */
export function agoOf(time, nowMs = clock.now()) {
  const seconds = (nowMs - Date.parse(time)) / 1000;
  if (seconds < -5) return `in ${durationOf(-seconds)}`;
  return seconds < 2 ? "just now" : `${durationOf(seconds)} ago`;
}

/**
 * @param {string | null | undefined} time RFC 3339
 * @param {"ago" | "age"} [style] `age` leaves out the "ago"
 * @returns {Node}
 */
export function timeOf(time, style = "ago") {
  if (!time) return document.createTextNode("–");
  return h("time", { datetime: time, title: momentOf(time), data: { style } }, textFor(time, style));
}

/**
 * @param {string} time
 * @param {string | undefined} style
 */
function textFor(time, style) {
  if (style === "age") return durationOf(Math.max(0, (clock.now() - Date.parse(time)) / 1000));
  return agoOf(time);
}

/** Lets all times of the page tick, for as long as somebody may look. */
export function startTicking() {
  setInterval(() => {
    if (document.visibilityState !== "visible") return;
    for (const element of document.querySelectorAll("time[data-style]")) {
      const { dateTime, dataset } = /** @type {HTMLTimeElement} */ (element);
      say(element, textFor(dateTime, dataset.style));
    }
  }, TICK_MS);
}
