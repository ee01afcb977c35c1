/**
 * What the page says, in people's words.
 *
 * @module
 */

/** @import {Device, End, Session} from "../sdk/model.js" */
/** @import {HotseatError} from "../sdk/problem.js" */

const KINDS = {
  desktop: "Computer",
  mobile: "Phone",
  tablet: "Tablet",
  tv: "Television",
  console: "Games console",
  api: "Program",
  other: "Device",
};

const MOMENT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const AGO = new Intl.RelativeTimeFormat("en-GB", { numeric: "auto" });

/** @param {Device} device */
function kindOf(device) {
  return KINDS[device.class] ?? KINDS.other;
}

/**
 * Name and kind in one line, the kind where the name does not say it.
 * @param {Device} device
 */
export function labelOf(device) {
  const kind = kindOf(device);
  return device.name ? `${device.name} (${kind.toLowerCase()})` : kind;
}

/** @param {Device} device */
export function nameOf(device) {
  return device.name || kindOf(device);
}

/** @param {string | null | undefined} time RFC 3339 */
export function momentOf(time) {
  return time ? MOMENT.format(new Date(time)) : null;
}

/**
 * @param {string} time RFC 3339
 * @param {number} nowMs
 */
export function agoOf(time, nowMs) {
  const seconds = Math.min(0, Math.round((Date.parse(time) - nowMs) / 1000));
  if (seconds > -45) return "just now";
  if (seconds > -45 * 60) return AGO.format(Math.round(seconds / 60), "minute");
  if (seconds > -22 * 3600) return AGO.format(Math.round(seconds / 3600), "hour");
  return AGO.format(Math.round(seconds / 86_400), "day");
}

/**
 * Where and how a device is signed in, in one line.
 * @param {Session} session
 * @param {number} nowMs
 */
export function placeOf(session, nowMs) {
  const seen = session.connections > 0 ? "connected now" : `seen ${agoOf(session.last_seen_at, nowMs)}`;
  return [kindOf(session.device), session.ip, seen].filter(Boolean).join(" · ");
}

/**
 * The address of the newer device. Masked, as the server tells it by default, IPv4 ends in 0, which people would take
 * for an address of its own.
 * @param {string | null | undefined} ip
 */
export function aboutWhere(ip) {
  return ip?.replace(/^(\d+\.\d+\.\d+\.)0$/, "$1x");
}

/** @param {Session[]} sessions */
function holdersOf(sessions) {
  return sessions.map(({ device }) => nameOf(device)).join(", ");
}

/** @param {number} seconds */
export function waitOf(seconds) {
  if (seconds < 90) return seconds === 1 ? "1 second" : `${seconds} seconds`;
  return `${Math.ceil(seconds / 60)} minutes`;
}

/**
 * @param {HotseatError} error
 * @returns {string} what happened, and what to do
 */
export function sentenceFor(error) {
  const wait = error.retryAfterS;
  switch (error.type) {
    case "invalid-credentials":
      return "User name and password do not match. Please check both.";
    case "user-disabled":
      return "This account is disabled. An administrator can enable it again.";
    case "rate-limited":
      return `Too many attempts. Please wait ${waitOf(wait ?? 60)} and try again.`;
    case "store-unavailable":
    case "overloaded":
      return `Signing in is not possible for a moment. Please try again${wait ? ` in ${waitOf(wait)}` : ""}.`;
    case "network":
      return "The server did not answer. Is this device online?";
    case "seats-full":
      return `All seats of this account are taken (${holdersOf(error.sessions)}). Sign out there first.`;
    default:
      return `That did not work (${error.message}).`;
  }
}

/**
 * @param {End} end
 * @param {string | null} username
 * @returns {{title: string, lead: string, advice: string}}
 */
export function wordsForEnd({ reason, by }, username) {
  const who = username ?? "Your account";
  const device = by ? nameOf(by.device) : "another device";
  switch (reason) {
    case "takeover":
      return {
        title: "Your seat was taken",
        lead: `${who} signed in with ${device}. The newest device has the seat, so you are signed out here.`,
        advice: "Was that not you? Then somebody knows your password: sign in and change it.",
      };
    case "replaced":
      return { title: "Signed in again elsewhere", lead: "A newer sign-in in this same browser replaced this one.", advice: "" };
    case "logout":
      return { title: "Signed out", lead: by ? `You were signed out here from ${device}.` : "You are signed out.", advice: "" };
    case "kicked":
      return { title: "Signed out by an administrator", lead: "An administrator ended this sign-in.", advice: "" };
    case "disabled":
      return { title: "This account is disabled", lead: "An administrator disabled it, which ended this sign-in.", advice: "" };
    case "idle":
      return { title: "Signed out after a long pause", lead: "Nothing was done here for so long that the sign-in ended.", advice: "" };
    case "expired":
      return { title: "Time to sign in again", lead: "A sign-in lasts only so long, and this one reached its end.", advice: "" };
    default:
      return { title: "Please sign in again", lead: "The server no longer knows this sign-in.", advice: "" };
  }
}
