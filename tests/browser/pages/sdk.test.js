/** The SDK in an app that has a login of its own: tokens from `POST /api/sessions`, with and without a cookie. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { withPeople, withPeopleAndTwoNodes } from "../support/people.js";

/** What the app's own login API does, once it has checked the password. */
async function tokenFor(node, user_id) {
  const answer = await fetch(`${node.url}/api/sessions`, {
    method: "POST",
    headers: { Authorization: "Bearer demo-key", "Content-Type": "application/json" },
    body: JSON.stringify({ user_id, device: { name: "Ada's laptop", class: "desktop" } }),
  });
  assert.equal(answer.status, 201);
  return (await answer.json()).token;
}

/** Puts a Hotseat into the page and follows its states. */
async function putHotseat(page, options) {
  await page.evaluate(async (options) => {
    const { Hotseat } = await import("/sdk/hotseat.js");
    globalThis.hotseat = new Hotseat({ ...options, login: () => globalThis.freshToken() });
  }, options);
}

/** Not the demo, which has a Hotseat of its own. */
async function openBlank(someone, node) {
  const page = await someone.openTab();
  await page.goto(`${node.url}/sdk/package.json`);
  return page;
}

const hasState = (page, state) => page.waitForFunction((state) => globalThis.hotseat.state === state, state);

test("a token of one's own login API becomes the browser's, and use here gets another", async () => {
  await withPeople(async ({ node, person }) => {
    const page = await openBlank(await person(), node);
    await page.exposeFunction("freshToken", () => tokenFor(node, "ada"));
    await putHotseat(page, {});
    await page.evaluate((token) => globalThis.hotseat.adopt(token), await tokenFor(node, "ada"));
    await hasState(page, "live");
    assert.equal(await page.evaluate(() => globalThis.hotseat.session.user_id), "ada");
    await tokenFor(node, "ada");
    await hasState(page, "ended");
    assert.ok(await page.evaluate(() => globalThis.hotseat.useHere()));
    await hasState(page, "live");
  });
});

test("a token that the app keeps itself connects without a cookie, and before one", async () => {
  await withPeople(async ({ node, person }) => {
    const someone = await person();
    await (await someone.signIn("user1")).close();
    const page = await openBlank(someone, node);
    await putHotseat(page, { token: await tokenFor(node, "ada") });
    await page.evaluate(() => globalThis.hotseat.connect());
    await hasState(page, "live");
    assert.equal(await page.evaluate(() => globalThis.hotseat.session.user_id), "ada");
    assert.equal((await page.evaluate(() => globalThis.hotseat.sessions())).length, 1);
  });
});

test("a token that nobody knows is told so, and not tried again", async () => {
  await withPeople(async ({ node, person }) => {
    const page = await openBlank(await person(), node);
    const known = await tokenFor(node, "ada");
    await putHotseat(page, { token: `${known.slice(0, -1)}${known.endsWith("A") ? "B" : "A"}` });
    const reason = await page.evaluate(
      () =>
        new Promise((resolve) => {
          globalThis.hotseat.addEventListener("forceLogout", ({ detail }) => resolve(detail.reason));
          globalThis.hotseat.connect();
        }),
    );
    assert.equal(reason, "invalid-token");
    assert.equal(page.sockets.length, 1);
  });
});

test("a page whose node goes away is told, and comes back on the other with its session", async () => {
  await withPeopleAndTwoNodes(async ({ node: { nodes, url }, person }) => {
    const page = await openBlank(await person(), { url });
    await putHotseat(page, {});
    const token = await tokenFor({ url }, "ada");
    await page.evaluate((token) => {
      globalThis.told = [];
      for (const type of ["restarting", "state", "welcome", "forceLogout"])
        globalThis.hotseat.addEventListener(type, ({ detail }) => globalThis.told.push([type, detail]));
      return globalThis.hotseat.adopt(token);
    }, token);
    await hasState(page, "live");
    const before = await page.evaluate(() => globalThis.hotseat.session.id);
    assert.equal(await page.evaluate(() => globalThis.told.length), 3, "connecting, live, welcome");

    await nodes[0].stop();
    await page.waitForFunction(() => globalThis.told.filter(([type]) => type === "welcome").length === 2);
    const told = await page.evaluate(() => globalThis.told.slice(3));
    assert.deepEqual(told.map(([type, { state }]) => state ?? type), ["restarting", "waiting", "connecting", "live", "welcome"]);
    const [[, { retry_after_ms }], [, { retryAt }]] = told;
    assert.ok(retry_after_ms <= 100, `one socket is asked to stay away for ${retry_after_ms} ms`);
    assert.ok(retryAt > 0);
    const { session } = told.at(-1)[1];
    assert.equal(session.id, before);
    assert.equal((await page.evaluate(() => globalThis.hotseat.sessions())).length, 1);
  });
});
