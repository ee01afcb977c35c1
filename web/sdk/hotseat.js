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

/** @import {HotseatOptions, LoginAnswer, LoginOptions, Session, Snapshot, State} from "./model.js" */

import { Account } from "./account.js";
import { Line } from "./line.js";
import { Page } from "./page.js";
import { browser } from "./platform.js";
import { HotseatError } from "./problem.js";
import { endAsTold, SUBPROTOCOL } from "./protocol.js";
import { eventsBetween } from "./snapshot.js";
import { openSocket } from "./wire.js";

export { HotseatError };

export class Hotseat extends Account {
  /** @type {string | null} Who was signed in last, as far as this page knows: the name to offer in a login form. */
  username = null;
  #login;
  #line;
  #page;

  /** @param {HotseatOptions} [options] */
  constructor({ url = globalThis.location?.origin, token, login, platform = browser() } = {}) {
    const base = new URL(`${url}`.replace(/\/*$/, "/"));
    const currentToken = () => (typeof token === "function" ? token() : (token ?? null));
    super(platform, base, currentToken);
    this.#login = login;
    this.#line = new Line(platform, {
      name: token === undefined ? `${SUBPROTOCOL} ${base}` : null,
      open: () => openSocket(platform, base, currentToken()),
      signedIn: () => this.hasCredential(),
      changed: (before, now) => this.#changed(before, now),
      said: (type, detail) => this.emit(type, detail),
    });
    this.#page = new Page(platform, (what) => this.#line.tell(what));
  }

  /** @returns {State} */
  get state() {
    return this.#line.now.state;
  }

  /** @returns {Session | null} The session as the latest `welcome` had it. */
  get session() {
    return this.#line.now.welcome?.session ?? null;
  }

  /** Whether this is the tab that holds the socket. */
  get leads() {
    return this.#line.leads;
  }

  /**
   * Picks up where this browser is: connects if it is signed in, tells (`forceLogout`) if it was put out
   * meanwhile, and otherwise waits for a login, in this tab or another.
   * @returns {Promise<Session | null>} null when a login is needed
   */
  async resume() {
    this.#page.watch();
    try {
      const session = await this.fetchSession();
      this.#line.connect();
      return session;
    } catch (error) {
      if (!(error instanceof HotseatError) || error.status !== 401) throw error;
      this.#line.rest(error.type === "session-ended" ? endAsTold(error.problem) : null);
      return null;
    }
  }

  /** Connects with the current credential unless connected; `resume` is for pages that may have none. */
  connect() {
    this.#page.watch();
    this.#line.connect();
  }

  /** Takes this tab out; the others go on. Does not log out. */
  close() {
    this.#page.leave();
    this.#line.leave();
  }

  /**
   * Logs in with a password and connects all tabs.
   * @param {string} username
   * @param {string} password
   * @param {LoginOptions} [options]
   * @returns {Promise<LoginAnswer>}
   */
  async login(username, password, options) {
    const answer = await super.login(username, password, options);
    this.#reconnect();
    return answer;
  }

  /** @param {string} token Of one's own login API (`POST /api/sessions`): becomes this browser's, and connects all tabs. */
  async adopt(token) {
    await super.adopt(token);
    this.#reconnect();
  }

  /** Logs out; all tabs become `idle`. */
  async logout() {
    await super.logout();
    this.#line.stop();
  }

  /**
   * Takes the seat back after a takeover: by the app's `login` where it gave one, else by the password.
   * @param {{username?: string | null, password?: string} & LoginOptions} [how]
   * @returns {Promise<boolean>} false when the page has to ask for the password first, and call again with it
   */
  async useHere({ username = this.username, password, ...options } = {}) {
    if (this.#login) {
      const token = await this.#login();
      if (token) await this.adopt(token);
      else this.#reconnect();
      return true;
    }
    if (!username || password === undefined) return false;
    await this.login(username, password, options);
    return true;
  }

  #reconnect() {
    this.#page.watch();
    this.#line.restart();
  }

  /** The events follow from what is different; so every tab emits the same ones, leader or not. */
  #changed(/** @type {Snapshot} */ before, /** @type {Snapshot} */ now) {
    if (now.welcome) this.username = now.welcome.session.user_id;
    for (const [type, detail] of eventsBetween(before, now)) this.emit(type, detail);
  }
}
