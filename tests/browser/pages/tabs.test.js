/** Tabs of one browser: one session, one socket, no takeover. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { openSockets, putOut, seated, withPeople } from "../support/people.js";
import { until } from "../support/until.js";

test("a second tab joins the session over the socket of the first", async () => {
  await withPeople(async ({ person }) => {
    const someone = await person();
    const first = await someone.signIn();
    const second = await someone.openTab();
    await seated(second);
    await seated(first);
    assert.equal(openSockets(first).length + openSockets(second).length, 1);
    await until("the server counts one connection", async () => (await someone.sessions())[0].connections === 1);
    assert.equal((await someone.sessions()).length, 1);
  });
});

test("when the tab with the socket closes, another takes over, and is still put out at once", async () => {
  await withPeople(async ({ person }) => {
    const someone = await person();
    const first = await someone.signIn();
    const second = await someone.openTab();
    await seated(second);
    assert.equal(openSockets(second).length, 0);
    await first.close();
    await until("the second tab has the socket", async () => openSockets(second).length === 1);
    await seated(second);
    await (await person()).signIn();
    await putOut(second);
  });
});

test("a takeover puts out all tabs, and a login in one brings all back", async () => {
  await withPeople(async ({ person }) => {
    const someone = await person();
    const tabs = [await someone.signIn(), await someone.openTab(), await someone.openTab()];
    for (const tab of tabs) await seated(tab);
    await (await person()).signIn();
    for (const tab of tabs) await putOut(tab);
    await tabs[2].getByRole("button", { name: "Use here" }).click();
    await tabs[2].getByLabel("Password").fill("password1");
    await tabs[2].getByLabel("Password").press("Enter");
    for (const tab of tabs) await seated(tab);
    assert.equal(tabs.flatMap(openSockets).length, 1);
  });
});

test("signing out in one tab signs out all, without a word of being put out", async () => {
  await withPeople(async ({ person }) => {
    const someone = await person();
    const tabs = [await someone.signIn(), await someone.openTab()];
    await seated(tabs[1]);
    await tabs[1].getByRole("button", { name: "Sign out here" }).click();
    for (const tab of tabs) await tab.getByRole("heading", { name: "Sign in", exact: true }).waitFor();
    assert.equal(tabs.flatMap(openSockets).length, 0);
  });
});
