/**
 * The browser's side of Hotseat.
 *
 * ```js
 * import { Hotseat } from "/sdk/hotseat.js";
 *
 * const hotseat = new Hotseat();
 * hotseat.addEventListener("forceLogout", ({ detail }) => showPutOut(detail));
 * if (!(await hotseat.resume())) showLogin();
 * ```
 *
 * All tabs of a browser share one socket and one state: every tab gets every event, whichever holds the socket.
 *
 * @module
 */
import type { HotseatOptions, LoginAnswer, LoginOptions, Session, State } from "./model.js";
/** @import {HotseatOptions, LoginAnswer, LoginOptions, Session, Snapshot, State} from "./model.js" */
import { Account } from "./account.js";
import { HotseatError } from "./problem.js";
export { HotseatError };
export declare class Hotseat extends Account {
    #private;
    /** @type {string | null} Who was signed in last, as far as this page knows: the name to offer in a login form. */
    username: string | null;
    /** @param {HotseatOptions} [options] */
    constructor({ url, token, login, platform }?: HotseatOptions);
    /** @returns {State} */
    get state(): State;
    /** @returns {Session | null} The session as the latest `welcome` had it. */
    get session(): Session | null;
    /** Whether this is the tab that holds the socket. */
    get leads(): boolean;
    /**
     * Picks up where this browser is: connects if it is signed in, tells (`forceLogout`) if it was put out
     * meanwhile, and otherwise waits for a login, in this tab or another.
     * @returns {Promise<Session | null>} null when a login is needed
     */
    resume(): Promise<Session | null>;
    /** Connects with the current credential unless connected; `resume` is for pages that may have none. */
    connect(): void;
    /** Takes this tab out; the others go on. Does not log out. */
    close(): void;
    /**
     * Logs in with a password and connects all tabs.
     * @param {string} username
     * @param {string} password
     * @param {LoginOptions} [options]
     * @returns {Promise<LoginAnswer>}
     */
    login(username: string, password: string, options?: LoginOptions): Promise<LoginAnswer>;
    /** @param {string} token Of one's own login API (`POST /api/sessions`): becomes this browser's, and connects all tabs. */
    adopt(token: string): Promise<void>;
    /** Logs out; all tabs become `idle`. */
    logout(): Promise<void>;
    /**
     * Takes the seat back after a takeover: by the app's `login` where it gave one, else by the password.
     * @param {{username?: string | null, password?: string} & LoginOptions} [how]
     * @returns {Promise<boolean>} false when the page has to ask for the password first, and call again with it
     */
    useHere({ username, password, ...options }?: {
        username?: string | null;
        password?: string;
    } & LoginOptions): Promise<boolean>;
}
