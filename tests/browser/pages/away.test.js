/** Servers that restart, networks that go, people who come back. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { openSockets, picture, putOut, seated, status, withPeople } from "../support/people.js";

test("after a restart of the node the page is live again by itself, in the same session", async () => {
  await withPeople(async ({ node, person }) => {
    const someone = await person();
    const page = await someone.signIn();
    const [{ id }] = await someone.sessions();
    await node.stop();
    await status(page, "Reconnecting");
    await page.getByText("Not connected just now").waitFor();
    await picture(page, "reconnecting");
    await node.start();
    await seated(page);
    assert.equal((await someone.sessions())[0].id, id);
    assert.ok(await page.getByText("Not connected just now").isHidden());
  });
});

test("a node that dies without a word is found again too", async () => {
  await withPeople(async ({ node, person }) => {
    const page = await (await person()).signIn();
    await node.stop("SIGKILL");
    await status(page, "Reconnecting");
    await node.start();
    await seated(page);
  });
});

test("whoever was put out while the page was closed is told on return", async () => {
  await withPeople(async ({ person }) => {
    const someone = await person();
    await (await someone.signIn()).close();
    await (await person({ userAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile/15E148 Safari/604.1" })).signIn();
    const page = await someone.openTab();
    assert.equal((await putOut(page)).Device, "Safari 17 on iPhone (phone)");
    assert.equal(openSockets(page).length, 0);
  });
});

test("whoever was put out while offline is told as soon as the network is back", async () => {
  await withPeople(async ({ node, person }) => {
    const someone = await person();
    const page = await someone.signIn();
    await someone.context.setOffline(true);
    await node.stop();
    await status(page, "Offline");
    await node.start();
    await (await person()).signIn();
    await someone.context.setOffline(false);
    await putOut(page);
  });
});

test("a server that is not there is said in words, with a way to try again", async () => {
  await withPeople(async ({ node, person }) => {
    const someone = await person();
    await someone.context.route("**/api/auth/session", (route) => route.abort());
    const page = await someone.openTab();
    await page.getByRole("heading", { name: "The server can’t be reached" }).waitFor();
    await picture(page, "unreachable");
    await someone.context.unroute("**/api/auth/session");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("heading", { name: "Sign in", exact: true }).waitFor();
    assert.ok(node.port);
  });
});
