/**
 * Errors of the HTTP API (RFC 9457, `application/problem+json`) as exceptions.
 *
 * @module
 */
import type { Session, EndReason, By } from "./model.js";
/** @import {Session, EndReason, By} from "./model.js" */
/**
 * What went wrong, by the stable word that the problem's `type` ends in: `invalid-credentials`, `seats-full`,
 * `rate-limited`, `session-ended`, `store-unavailable` … Three words are the client's own: `network` (no answer,
 * status 0), `unexpected` (an answer that is no problem document, from a proxy perhaps), and `cookie-refused` (`adopt`
 * was answered, and the browser did not keep the cookie).
 */
export declare class HotseatError extends Error {
    /** The last word of the problem's `type`. */
    type: string;
    /** The HTTP status; 0 where there was no answer. */
    status: number;
    /** The whole problem document. */
    problem: Record<string, any>;
    /** After how many seconds to try again, where the server says so. */
    retryAfterS: number | null;
    /**
     * @param {string} type
     * @param {number} status
     * @param {Record<string, any>} [members] the problem document
     * @param {number | null} [retryAfterS]
     */
    constructor(type: string, status: number, members?: Record<string, any>, retryAfterS?: number | null);
    /**
     * The sessions that hold the seats (`seats-full`).
     * @returns {Session[]}
     */
    get sessions(): Session[];
    /**
     * Whether the user may choose which of `sessions` to replace (`seats-full`): with `choose` yes, with `deny_new` no.
     * @returns {"choose" | "deny_new" | null}
     */
    get onFull(): "choose" | "deny_new" | null;
    /**
     * Why the session ended (`session-ended`).
     * @returns {EndReason | null}
     */
    get reason(): EndReason | null;
    /**
     * When it ended (`session-ended`).
     * @returns {string | null}
     */
    get at(): string | null;
    /**
     * By whom it was ended (`session-ended`).
     * @returns {By | null}
     */
    get by(): By | null;
    /**
     * The field that was refused.
     * @returns {string | null}
     */
    get field(): string | null;
    /**
     * Reads an answer that is not a success.
     * @param {Response} response
     * @returns {Promise<HotseatError>}
     */
    static from(response: Response): Promise<HotseatError>;
}
