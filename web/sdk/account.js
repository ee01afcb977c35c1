/**
 * The HTTP calls of a browser: thin, one method a call, each bounded in time. Every failure is a `HotseatError`.
 *
 * @module
 */

/** @import {LoginAnswer, LoginOptions, Session} from "./model.js" */
/** @import {Platform} from "./platform.js" */

import { Emitter } from "./events.js";
import { HotseatError } from "./problem.js";

/** A login that waits for its confirmation takes up to 1 s; ten more for a bad network. */
const TIMEOUT_MS = 11_000;

export class Account extends Emitter {
  #platform;
  #base;
  #token;

  /**
   * @param {Platform} platform
   * @param {URL} base ends in a slash
   * @param {() => string | null} token null where the cookie authenticates
   */
  constructor(platform, base, token) {
    super();
    this.#platform = platform;
    this.#base = base;
    this.#token = token;
  }

  /**
   * Logs in with a password.
   * @param {string} username
   * @param {string} password
   * @param {LoginOptions} [options]
   * @returns {Promise<LoginAnswer>}
   */
  login(username, password, options = {}) {
    return this.#call("POST", "login", { body: { username, password, ...options } });
  }

  /**
   * Logs out.
   * @returns {Promise<void>}
   */
  logout() {
    return this.#call("POST", "logout");
  }

  /**
   * Makes a token that one's own login API got (`POST /api/sessions`) this browser's. A browser that does not keep the
   * cookie, as that of another site (SameSite=Lax), fails with `cookie-refused`.
   * @param {string} token
   * @returns {Promise<void>}
   */
  async adopt(token) {
    await this.#call("POST", "adopt", { token });
    if (await this.hasCredential()) return;
    throw new HotseatError("cookie-refused", 0, { detail: "This browser keeps no cookie of Hotseat: is it of another site?" });
  }

  /**
   * The session of this browser, as the server knows it now.
   * @returns {Promise<Session>}
   */
  fetchSession() {
    return this.#call("GET", "session");
  }

  /**
   * Whether this browser may be signed in: only the server's word that it holds no credential counts as no.
   * @returns {Promise<boolean>}
   */
  async hasCredential() {
    try {
      await this.fetchSession();
      return true;
    } catch (error) {
      return !(error instanceof HotseatError && error.type === "credentials-required");
    }
  }

  /**
   * Keeps up to 4 KiB of JSON with the session.
   * @param {unknown} data
   * @returns {Promise<Session>}
   */
  saveData(data) {
    return this.#call("PATCH", "session", { body: { data } });
  }

  /**
   * The sessions of this user, this one among them.
   * @returns {Promise<Session[]>}
   */
  async sessions() {
    return (await this.#call("GET", "sessions")).sessions;
  }

  /**
   * Ends a session of this user.
   * @param {string} id
   * @returns {Promise<void>}
   */
  async end(id) {
    await this.#call("DELETE", `sessions/${encodeURIComponent(id)}`);
  }

  /**
   * Ends all sessions of this user but this one.
   * @returns {Promise<void>}
   */
  async endOthers() {
    await this.#call("POST", "sessions/end-others");
  }

  /**
   * @param {string} method
   * @param {string} path below `api/auth/`
   * @param {{body?: unknown, token?: string | null}} [how]
   * @returns {Promise<any>}
   */
  async #call(method, path, { body, token = this.#token() } = {}) {
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json, application/problem+json" };
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let response;
    try {
      response = await this.#platform.fetch(new URL(`api/auth/${path}`, this.#base).href, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        credentials: "include",
        cache: "no-store",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (response.ok) return response.status === 204 ? undefined : await response.json();
    } catch (cause) {
      throw Object.assign(new HotseatError("network", 0), { cause });
    }
    throw await HotseatError.from(response);
  }
}
