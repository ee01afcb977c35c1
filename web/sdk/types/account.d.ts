/**
 * The HTTP calls of a browser: thin, one method a call, each bounded in time. Every failure is a `HotseatError`.
 *
 * @module
 */
import type { LoginAnswer, LoginOptions, Session } from "./model.js";
import type { Platform } from "./platform.js";
/** @import {LoginAnswer, LoginOptions, Session} from "./model.js" */
/** @import {Platform} from "./platform.js" */
import { Emitter } from "./events.js";
export declare class Account extends Emitter {
    #private;
    /**
     * @param {Platform} platform
     * @param {URL} base ends in a slash
     * @param {() => string | null} token null where the cookie authenticates
     */
    constructor(platform: Platform, base: URL, token: () => string | null);
    /**
     * Logs in with a password.
     * @param {string} username
     * @param {string} password
     * @param {LoginOptions} [options]
     * @returns {Promise<LoginAnswer>}
     */
    login(username: string, password: string, options?: LoginOptions): Promise<LoginAnswer>;
    /**
     * Logs out.
     * @returns {Promise<void>}
     */
    logout(): Promise<void>;
    /**
     * Makes a token that one's own login API got (`POST /api/sessions`) this browser's. A browser that does not keep the
     * cookie, as that of another site (SameSite=Lax), fails with `cookie-refused`.
     * @param {string} token
     * @returns {Promise<void>}
     */
    adopt(token: string): Promise<void>;
    /**
     * The session of this browser, as the server knows it now.
     * @returns {Promise<Session>}
     */
    fetchSession(): Promise<Session>;
    /**
     * Whether this browser may be signed in: only the server's word that it holds no credential counts as no.
     * @returns {Promise<boolean>}
     */
    hasCredential(): Promise<boolean>;
    /**
     * Keeps up to 4 KiB of JSON with the session.
     * @param {unknown} data
     * @returns {Promise<Session>}
     */
    saveData(data: unknown): Promise<Session>;
    /**
     * The sessions of this user, this one among them.
     * @returns {Promise<Session[]>}
     */
    sessions(): Promise<Session[]>;
    /**
     * Ends a session of this user.
     * @param {string} id
     * @returns {Promise<void>}
     */
    end(id: string): Promise<void>;
    /**
     * Ends all sessions of this user but this one.
     * @returns {Promise<void>}
     */
    endOthers(): Promise<void>;
}
