/**
 * What the console says, in people's words.
 *
 * @module
 */

/** @import {Device} from "../sdk/model.js" */

/** @type {Record<string, string>} */
export const CLASSES = {
  desktop: "Computer",
  mobile: "Phone",
  tablet: "Tablet",
  tv: "Television",
  console: "Games console",
  api: "Program",
  other: "Device",
};

/**
 * What an event is called, by its type, or by its reason where a session ended.
 * @type {Record<string, string>}
 */
export const HAPPENINGS = {
  login: "Signed in",
  ended: "Ended",
  takeover: "Taken over",
  replaced: "Replaced",
  kicked: "Ended by administrator",
  idle: "Idle too long",
  expired: "Expired",
  logout: "Signed out",
  disabled: "User disabled",
  enabled: "User enabled",
  restored: "Restored",
  full: "No seat free",
  refused: "Refused: disabled",
  failed: "Wrong password",
  notice: "Notice sent",
  job: "Job",
};

/**
 * What became of a job, by the word with which its event's note begins.
 * @type {Record<string, [string, string]>}
 */
export const JOBS = {
  begun: ["Job begun", "warn"],
  done: ["Job done", "good"],
  cancelled: ["Job cancelled", ""],
  failed: ["Job failed", "bad"],
};

/** How an event is meant, for its colour. */
export const TONES = /** @type {Record<string, string>} */ ({
  login: "good",
  enabled: "good",
  restored: "good",
  takeover: "accent",
  kicked: "bad",
  disabled: "bad",
  refused: "bad",
  failed: "bad",
  full: "warn",
  job: "warn",
  notice: "warn",
});

const COUNT = new Intl.NumberFormat("en-GB");
const SHORT = new Intl.NumberFormat("en-GB", { notation: "compact", maximumFractionDigits: 1 });

/** @param {number} value with all its digits */
export function countOf(value) {
  return COUNT.format(value);
}

/** @param {number} value as short as an axis wants it */
export function shortOf(value) {
  return Math.abs(value) < 10_000 ? COUNT.format(Math.round(value * 100) / 100) : SHORT.format(value);
}

/** @param {number} perSecond */
export function rateOf(perSecond) {
  if (perSecond === 0 || (perSecond >= 10 && perSecond < 100)) return `${Math.round(perSecond)}`;
  return perSecond >= 100 ? COUNT.format(Math.round(perSecond)) : perSecond.toFixed(perSecond > 0 && perSecond < 0.1 ? 2 : 1);
}

/** @param {number} bytes */
export function bytesOf(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** step;
  return `${value >= 100 || step === 0 ? Math.round(value) : value.toFixed(1)} ${units[step]}`;
}

/** @param {number} us microseconds */
export function latencyOf(us) {
  if (us === 0) return "0";
  if (us < 1000) return `${Math.round(us)} µs`;
  return us < 1_000_000 ? `${(us / 1000).toFixed(us < 10_000 ? 2 : 1)} ms` : `${(us / 1_000_000).toFixed(1)} s`;
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export function plural(count, one, many = `${one}s`) {
  return `${countOf(count)} ${count === 1 ? one : many}`;
}

/** @param {Device | null | undefined} device */
export function nameOf(device) {
  return device?.name || CLASSES[device?.class ?? "other"] || "Device";
}

/** @param {string} actor `user:<id>` or `key:<name>` */
export function actorOf(actor) {
  const [, kind, name] = /^(user|key):(.*)$/s.exec(actor) ?? [];
  if (!kind) return actor;
  return kind === "key" ? `API key ${name}` : name;
}
