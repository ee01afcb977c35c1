/**
 * Errors of the HTTP API (RFC 9457, `application/problem+json`) as exceptions.
 *
 * @module
 */

/** @import {Session, EndReason, By} from "./model.js" */

/**
 * What went wrong, by the stable word that the problem's `type` ends in: `invalid-credentials`, `seats-full`,
 * `rate-limited`, `session-ended`, `store-unavailable` … Three words are the client's own: `network` (no answer,
 * status 0), `unexpected` (an answer that is no problem document, from a proxy perhaps), and `cookie-refused` (`adopt`
 * was answered, and the browser did not keep the cookie).
 */
export class HotseatError extends Error {
  /**
   * @param {string} type
   * @param {number} status
   * @param {Record<string, any>} [members] the problem document
   * @param {number | null} [retryAfterS]
   */
  constructor(type, status, members = {}, retryAfterS = null) {
    super(members.detail ?? members.title ?? type);
    this.name = "HotseatError";
    /** The last word of the problem's `type`. */
    this.type = type;
    /** The HTTP status; 0 where there was no answer. */
    this.status = status;
    /** The whole problem document. */
    this.problem = members;
    /** After how many seconds to try again, where the server says so. */
    this.retryAfterS = retryAfterS;
  }

  /**
   * The sessions that hold the seats (`seats-full`).
   * @returns {Session[]}
   */
  get sessions() {
    return Array.isArray(this.problem.sessions) ? this.problem.sessions : [];
  }

  /**
   * Whether the user may choose which of `sessions` to replace (`seats-full`): with `choose` yes, with `deny_new` no.
   * @returns {"choose" | "deny_new" | null}
   */
  get onFull() {
    return this.problem.on_full ?? null;
  }

  /**
   * Why the session ended (`session-ended`).
   * @returns {EndReason | null}
   */
  get reason() {
    return this.problem.reason ?? null;
  }

  /**
   * When it ended (`session-ended`).
   * @returns {string | null}
   */
  get at() {
    return this.problem.at ?? null;
  }

  /**
   * By whom it was ended (`session-ended`).
   * @returns {By | null}
   */
  get by() {
    return this.problem.by ?? null;
  }

  /**
   * The field that was refused.
   * @returns {string | null}
   */
  get field() {
    return this.problem.field ?? null;
  }

  /**
   * Reads an answer that is not a success.
   * @param {Response} response
   * @returns {Promise<HotseatError>}
   */
  static async from(response) {
    const retryAfterS = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
    const after = Number.isFinite(retryAfterS) ? retryAfterS : null;
    const members = await response.json().catch(() => null);
    if (typeof members?.type !== "string") {
      return new HotseatError("unexpected", response.status, {}, after);
    }
    return new HotseatError(members.type.split("/").at(-1), response.status, members, after);
  }
}
