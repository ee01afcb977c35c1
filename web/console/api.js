/**
 * The calls of the administrator's view, each bounded in time. Every failure is a `HotseatError`, but for a call that
 * its caller gave up: that rejects with an `AbortError`.
 *
 * @module
 */

import { HotseatError } from "../sdk/hotseat.js";
import { takeUse } from "./attention.js";
import { clock } from "./time.js";

const TIMEOUT_MS = 15_000;

/** Told when an answer says that this browser's session is no more. */
export const refusals = new EventTarget();

/** @typedef {Record<string, string | number | null | undefined>} Query what is empty is left out */

/**
 * @param {string} path below `/api/admin/`
 * @param {Query} [query]
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export function read(path, query, signal) {
  return call("GET", urlOf(path, query), undefined, signal);
}

/**
 * @param {"POST" | "PUT" | "DELETE"} method
 * @param {string} path below `/api/admin/`
 * @param {object} [body]
 * @returns {Promise<any>}
 */
export function act(method, path, body) {
  return call(method, urlOf(path), body);
}

/**
 * @param {string} path
 * @param {Query} [query]
 */
export function urlOf(path, query = {}) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return `/api/admin/${path}${text && `?${text}`}`;
}

/** @param {string} user for a path; the id may hold anything */
export function userPath(user) {
  return `users/${encodeURIComponent(user)}`;
}

/** @param {unknown} error whether it says only that nobody waits for the answer any more */
export function isAbort(error) {
  return error instanceof DOMException && error.name === "AbortError";
}

/**
 * @param {string} method
 * @param {string} url
 * @param {object} [body]
 * @param {AbortSignal} [signal]
 */
async function call(method, url, body, signal) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json, application/problem+json" };
  // Whatever changes something is a use, to the server as well.
  if (method === "GET" && !takeUse()) headers["Hotseat-Background"] = "true";
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  let response;
  try {
    response = await fetch(url, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    clock.learn(response.headers.get("Date"));
    if (response.ok) return response.status === 204 ? undefined : await response.json();
  } catch (cause) {
    if (signal?.aborted) throw new DOMException("nobody waits for it", "AbortError");
    throw Object.assign(new HotseatError("network", 0), { cause });
  }
  const error = await HotseatError.from(response);
  if (error.status === 401) refusals.dispatchEvent(new Event("refused"));
  throw error;
}
