/** The console in a browser of its own, and the API beside it, for what a test needs to be there. */

import assert from "node:assert/strict";

import { submitLogin } from "./people.js";
import { until } from "./until.js";

/** A person who may sign in on many devices at once: for tests that are not about seats. */
export const ROOMY = { LIMITS: JSON.stringify([{ role: "*", class: "*", max: 100 }]) };

/**
 * Opens a page of the console and signs in there.
 * @param {import("./people.js").Person} person
 * @param {string} [path] below `/admin`
 */
export async function openConsole(person, path = "", username = "admin") {
  const page = await person.openTab(`/admin${path}`);
  await submitLogin(page, username);
  await page.locator("#nav").waitFor({ state: "attached" });
  return page;
}

/** A session that a login API asks for; answers it with its token. */
export async function createSession(url, user_id, more = {}) {
  return callWithKey(url, "POST", "/api/sessions", { user_id, device: { name: `Device of ${user_id}` }, ...more });
}

/** Many sessions of as many users, a few at a time. */
export async function createSessions(url, count, userOf, more) {
  const numbers = Array.from({ length: count }, (_, at) => at);
  const work = async () => {
    for (let at = numbers.shift(); at !== undefined; at = numbers.shift()) await createSession(url, userOf(at), more);
  };
  await Promise.all(Array.from({ length: 8 }, work));
}

export async function callWithKey(url, method, path, body) {
  const headers = { Authorization: "Bearer demo-key", "Content-Type": "application/json" };
  const answer = await fetch(`${url}${path}`, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${answer.ok ? "" : await answer.text()}`);
  return answer.status === 204 ? null : answer.json();
}

/** The id of the node that listens there; a node is listed once it has reported, a moment after it is ready. */
export function nodeAt(url, port) {
  return until(`the node at ${port} is listed`, async () => {
    const { nodes } = await callWithKey(url, "GET", "/api/admin/nodes");
    return nodes.find(({ name }) => name.endsWith(`:${port}`))?.node;
  });
}

/** The row of a table that says this. */
export function rowOf(page, text) {
  return page.locator("tbody tr").filter({ hasText: text });
}

/** Answers the open dialog. */
export async function confirm(page, verb, { reason, phrase } = {}) {
  const dialog = page.getByRole("dialog");
  if (reason) await dialog.getByLabel("Reason").fill(reason);
  if (phrase) await dialog.getByLabel("To go on, type").fill(phrase);
  await dialog.getByRole("button", { name: verb }).click();
  await dialog.waitFor({ state: "detached" });
}

export async function toasted(page, text) {
  await page.locator(".toast").filter({ hasText: text }).first().waitFor();
}

/** Scrolls to the end until the list says that it is whole. How much a page holds is up to the store's time. */
export async function readOn(page, whole) {
  await until(`the list says ${whole}`, async () => {
    await page.mouse.wheel(0, 100_000);
    return (await page.locator(".count").textContent()) === whole;
  });
}
