/**
 * The WebSocket protocol `hotseat.v1` as a client needs it: what each close code means for the next step, and
 * how a message is read.
 *
 * @module
 */

/** @import {By, End, EndReason} from "./model.js" */

export const SUBPROTOCOL = "hotseat.v1";

/**
 * What to do after a close: `never` connect again; once more with the `current` credential; `later`, which
 * nothing may hurry; or by the usual `backoff`.
 * @typedef {"never" | "current" | "later" | "backoff"} Next
 */

/** No `auth` in time, or no answer to heartbeats. */
export const SILENT = 4408;

/**
 * The table of the protocol, but for those that just go by `backoff`.
 * @type {Map<number, {next: Next, reasons: EndReason[]}>}
 */
const CLOSES = new Map([
  [4409, { next: "never", reasons: ["takeover"] }],
  [4412, { next: "current", reasons: ["replaced"] }],
  [4403, { next: "never", reasons: ["kicked", "disabled"] }],
  [4410, { next: "never", reasons: ["expired", "idle"] }],
  [4440, { next: "never", reasons: ["logout"] }],
  [4401, { next: "never", reasons: ["invalid-token"] }],
  [1008, { next: "never", reasons: ["protocol"] }],
  [1009, { next: "never", reasons: ["protocol"] }],
  [4429, { next: "later", reasons: [] }],
]);

/**
 * Codes that do not stand in the table (4408, 1012, 1013, a lost network, a proxy's own) are worth another try.
 * @param {number} code
 * @returns {Next}
 */
export function nextAfter(code) {
  return CLOSES.get(code)?.next ?? "backoff";
}

/**
 * What can be said about an end of which only the close code arrived.
 * @param {number} code
 * @returns {End}
 */
export function endByCode(code) {
  const reason = CLOSES.get(code)?.reasons[0] ?? "protocol";
  return { reason, at: null, by: null, message: `The server closed the connection with code ${code}.` };
}

/**
 * What `force_logout` and a `session-ended` problem both tell.
 * @param {{reason?: any, at?: any, by?: any, message?: any, detail?: any}} told
 * @returns {End}
 */
export function endAsTold(told) {
  return {
    reason: told.reason ?? "protocol",
    at: told.at ?? null,
    by: /** @type {By | null} */ (told.by ?? null),
    message: told.message ?? told.detail ?? "",
  };
}

/**
 * The close code that belongs to a reason; a `force_logout` is acted on before its close arrives.
 * @param {EndReason} reason
 * @returns {number}
 */
export function codeOf(reason) {
  for (const [code, { reasons }] of CLOSES) if (reasons.includes(reason)) return code;
  return 1008;
}

/**
 * @param {unknown} text
 * @returns {any} the message, or null where it is none; servers may say more than a client knows
 */
export function readMessage(text) {
  if (typeof text !== "string") return null;
  try {
    const message = JSON.parse(text);
    return typeof message?.type === "string" ? message : null;
  } catch {
    return null;
  }
}
