/** The console's table of sessions, on two nodes: it moves by itself, it is searched, its rows are ended. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { callWithKey, confirm, createSession, createSessions, nodeAt, openConsole, readOn, ROOMY, rowOf, toasted } from "../support/console.js";
import { putOut, withPeopleAndTwoNodes } from "../support/people.js";
import { until } from "../support/until.js";

test("a session appears and vanishes without a reload, whichever node it is on", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const page = await openConsole(await person(), "/sessions");
    await rowOf(page, "admin").getByText("you").waitFor();
    const [, other] = node.nodes;
    const someone = await (await person({ at: other })).signIn("user1");
    await rowOf(page, "user1").getByText(/^[0-9a-f]{8}$/).waitFor();
    await someone.getByRole("button", { name: "Sign out here" }).click();
    await rowOf(page, "user1").waitFor({ state: "detached" });
  });
});

test("connections, node and last seen move as sockets open and close on another node, without a reload", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const [here, there] = node.nodes;
    const { token } = await createSession(here.url, "anna");
    const page = await openConsole(await person({ at: here }), "/sessions");
    const cell = (label) => rowOf(page, "anna").locator(`[data-label="${label}"]`);
    await cell("Connections").getByText("0", { exact: true }).waitFor();
    await rowOf(page, "anna").focus();
    await page.keyboard.press("x");
    let reads = 0;
    page.on("request", (request) => (reads += /sessions/.test(request.url()) ? 1 : 0));
    const age = await cell("Last seen").locator("time").getAttribute("datetime");

    const sockets = [];
    for (const count of [1, 2]) {
      const port = count === 1 ? there.port : here.port;
      sockets.push(await person().then((someone) => someone.openSocket(port, token)));
      await cell("Connections").getByText(`${count}`, { exact: true }).waitFor();
    }
    const latest = await nodeAt(here.url, here.port);
    await cell("Node").getByText(latest.slice(0, 8)).waitFor();
    assert.notEqual(await cell("Last seen").locator("time").getAttribute("datetime"), age);
    for (const [at, socket] of sockets.entries()) {
      await socket.close();
      await cell("Connections").getByText(`${1 - at}`, { exact: true }).waitFor();
    }
    await cell("Node").getByText("none").waitFor();
    assert.equal(reads, 0, "the stream told it, nothing was asked");
    await page.getByText("1 session selected").waitFor();
    assert.equal(await rowOf(page, "anna").evaluate((row) => row === document.activeElement), true, "the focus stays");
  });
});

test("age and last seen tick by themselves", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    await createSession(node.url, "anna");
    const page = await openConsole(await person(), "/sessions");
    for (const label of ["Age", "Last seen"]) {
      const time = rowOf(page, "anna").locator(`[data-label="${label}"] time`);
      const { text, title } = await time.evaluate(({ textContent, title }) => ({ text: textContent, title }));
      await until(`${label} ticks`, async () => (await time.textContent()) !== text);
      assert.equal(await time.getAttribute("title"), title, "the moment itself stays");
    }
  });
});

test("a takeover exchanges the row of the old device for that of the new one", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    await createSession(node.nodes[1].url, "anna", { device: { name: "Old phone", class: "mobile" } });
    const page = await openConsole(await person(), "/sessions");
    const iconOf = (row) => row.locator(".device use").getAttribute("href");
    assert.equal(await iconOf(rowOf(page, "Old phone")), "/console/icons.svg#mobile");
    await createSession(node.nodes[0].url, "anna", { device: { name: "New laptop", class: "desktop" } });
    assert.equal(await iconOf(rowOf(page, "New laptop")), "/console/icons.svg#desktop");
    await rowOf(page, "Old phone").waitFor({ state: "detached" });
    assert.equal(await rowOf(page, "anna").count(), 1);
  });
});

test("sessions are searched as one types, filtered, and read on page by page", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    await createSessions(node.nodes[0].url, 230, (at) => `crowd${at}`, { device: { class: "tv" } });
    await createSession(node.nodes[1].url, "zoë", { device: { name: "Phone", class: "mobile" } });
    const page = await openConsole(await person(), "/sessions");
    const search = page.getByRole("searchbox");
    await search.fill("zo");
    await rowOf(page, "zoë").waitFor();
    await page.locator(".count").filter({ hasText: /^1 session$/ }).waitFor();
    assert.match(page.url(), /q=zo$/);
    await search.fill("nobody");
    await page.getByText("No session matches").waitFor();
    await search.fill("crowd");
    await page.getByLabel("Device class").selectOption("tv");
    await page.locator(".count").filter({ hasText: /shown$/ }).waitFor();
    await readOn(page, "230 sessions");
    const users = await page.locator("tbody .name").allTextContents();
    assert.equal(new Set(users).size, 230, "no row twice, none missing");
    await page.getByLabel("Device class").selectOption("mobile");
    await page.getByText("No session matches").waitFor();
  }, ROOMY);
});

test("a session is ended with a reason: its device is told at once, and the audit keeps the reason", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const device = await (await person({ at: node.nodes[1] })).signIn("user1");
    const page = await openConsole(await person(), "/sessions");
    await rowOf(page, "user1").getByRole("button", { name: /^End / }).click();
    await page.getByRole("dialog", { name: "End the session of user1?" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    assert.match((await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))) ?? "", /^End /, "the focus is back");
    await page.keyboard.press("Enter");
    await confirm(page, "End session", { reason: "Ticket 4711" });
    await putOut(device, "Signed out by an administrator");
    await toasted(page, "1 session ended.");
    await rowOf(page, "user1").waitFor({ state: "detached" });
    const { events } = await callWithKey(node.url, "GET", "/api/admin/events?user=user1&type=kicked");
    assert.deepEqual(events.map(({ note, actor }) => [note, actor]), [["Ticket 4711", "user:admin"]]);
  });
});

test("several are chosen and ended by keyboard alone", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    for (const user of ["ann", "bob", "cyd"]) await createSession(node.url, user);
    const page = await openConsole(await person(), "/sessions");
    await rowOf(page, "cyd").waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("zzz");
    await page.getByText("No session matches").waitFor();
    await page.getByRole("searchbox").fill("");
    await rowOf(page, "cyd").waitFor();
    await page.keyboard.press("Escape");
    for (const user of ["ann", "bob"]) {
      await rowOf(page, user).focus();
      await page.keyboard.press("x");
    }
    await page.getByText("2 sessions selected").waitFor();
    await page.keyboard.press("e");
    await page.getByRole("dialog", { name: "End 2 sessions?" }).waitFor();
    await page.keyboard.press("Enter");
    await toasted(page, "2 sessions ended.");
    await rowOf(page, "ann").waitFor({ state: "detached" });
    assert.equal((await callWithKey(node.url, "GET", "/api/users/cyd/sessions")).sessions.length, 1);
    await rowOf(page, "cyd").focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "cyd", level: 1 }).waitFor();
    await page.keyboard.press("g");
    await page.keyboard.press("s");
    await page.getByRole("heading", { name: "Sessions", level: 1 }).waitFor();
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard" }).waitFor();
  });
});

test("who is looked for and not signed in has a page, and a search leads there", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    await callWithKey(node.url, "PUT", "/api/admin/users/ann/disabled", { note: "Chargeback" });
    await createSession(node.url, "anna");
    const page = await openConsole(await person(), "/sessions?q=ann");
    await rowOf(page, "anna").waitFor();
    await page.getByText("“ann” itself is not signed in.").waitFor();
    // One that is signed in under the whole id is in the list, and nothing is offered beside.
    await page.keyboard.press("/");
    await page.keyboard.type("anna");
    await page.getByRole("link", { name: /^Open the page/ }).waitFor({ state: "detached" });
    await rowOf(page, "anna").waitFor();
    await page.getByRole("searchbox").fill("an/n a");
    await page.getByText("Nobody is signed in whose id begins with “an/n a”.").waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "an/n a", level: 1 }).waitFor();
    await page.goto(`${node.url}/admin/sessions?q=ann&class=tv`);
    await page.getByText("whose id begins with “ann” and who fits the filters").waitFor();
    await page.getByRole("link", { name: "Open the page of ann" }).click();
    await page.getByRole("button", { name: "Enable user" }).waitFor();
  }, ROOMY);
});

test("of a user's sessions the newest stands first", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    for (const name of ["First", "Second", "Third"]) await createSession(node.url, "anna", { device: { name } });
    await createSession(node.url, "anton", { device: { name: "Of another" } });
    const page = await openConsole(await person(), "/sessions?q=ann");
    await page.locator(".count").filter({ hasText: /^3 sessions$/ }).waitFor();
    assert.deepEqual(await page.locator("tbody .device-name").allTextContents(), ["Third", "Second", "First"]);
  }, ROOMY);
});
