/** What the console shows when things are away: the store, the stream, the node. It says so, and comes back by itself. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { createSession, createSessions, confirm, openConsole, ROOMY, rowOf } from "../support/console.js";
import { picture, withPeopleAndTwoNodes } from "../support/people.js";
import { until } from "../support/until.js";

test("a stream that is cut is told, comes back on another node, and no event is missed", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const page = await openConsole(await person(), "/sessions");
    await rowOf(page, "admin").waitFor();
    const [first, second] = node.nodes;
    await first.stop("SIGKILL");
    await createSession(second.url, "meanwhile");
    await page.getByRole("status").filter({ hasText: "Reconnecting" }).waitFor();
    await rowOf(page, "meanwhile").waitFor();
    await page.getByRole("status").filter({ hasText: "Reconnecting" }).waitFor({ state: "hidden" });
    await createSession(second.url, "afterwards");
    await rowOf(page, "afterwards").waitFor();
  });
});

test("a store that is away is said to be away, and asked again on request", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const page = await openConsole(await person(), "/sessions");
    await rowOf(page, "admin").waitFor();
    node.holdStore(true);
    await page.getByRole("searchbox").fill("ad");
    await page.getByRole("alert").filter({ hasText: "The store is away" }).waitFor();
    await picture(page, "console-store-away");
    node.holdStore(false);
    await page.getByRole("button", { name: "Try again" }).click();
    await rowOf(page, "admin").waitFor();
  });
});

test("after a cut the stream goes on behind the last event, and nothing that is shown is read again", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const page = await openConsole(await person(), "/audit?type=login");
    await rowOf(page, "admin").waitFor();
    await createSession(node.url, "before");
    const last = await rowOf(page, "before").getAttribute("data-id");
    const asked = [];
    page.on("request", (request) => asked.push(new URL(request.url())));
    node.cut();
    await createSession(node.nodes[1].url, "meanwhile");
    await rowOf(page, "meanwhile").waitFor();
    const reads = asked.filter(({ pathname }) => pathname === "/api/admin/events");
    const streams = asked.filter(({ pathname }) => pathname === "/api/admin/stream");
    assert.equal(streams[0].searchParams.get("after"), last, "it asks for what came behind the last event");
    assert.deepEqual(reads, [], "the log was told again by the stream, not read");
    assert.equal(await rowOf(page, "before").count(), 1, "what comes twice stands once");
    await page.getByRole("status").filter({ hasText: "Reconnecting" }).waitFor({ state: "hidden" });
  }, ROOMY);
});

test("of many that are ended while the server goes away, it is told which are and which is not known", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    await createSessions(node.url, 12, (at) => `crowd${at}`);
    const page = await openConsole(await person(), "/sessions?q=crowd");
    await page.locator(".count").filter({ hasText: /^12 sessions$/ }).waitFor();
    for (const box of await page.getByRole("checkbox", { name: /^Select/ }).all()) await box.check();
    // The first three are answered; then answers are lost, of which nobody knows what became.
    let answered = 0;
    await page.route("**/api/admin/sessions/*", async (route) => {
      if (route.request().method() !== "DELETE") return route.continue();
      answered += 1;
      return answered <= 3 ? route.continue() : route.abort();
    });
    await page.getByRole("button", { name: "End selected" }).click();
    const dialog = page.getByRole("dialog", { name: "End 12 sessions?" });
    await dialog.getByRole("button", { name: "End 12 sessions" }).click();
    const problem = dialog.getByRole("alert").filter({ hasText: "it is not known" });
    await problem.waitFor();
    const told = /^(\d+) sessions ended, of (\d+) it is not known, (\d+) not tried\. The server did not answer/.exec(await problem.textContent());
    assert.ok(told, await problem.textContent());
    const [ended, unknown, untried] = told.slice(1).map(Number);
    assert.equal(ended + unknown + untried, 12);
    assert.equal(ended, 3);
    assert.ok(unknown >= 1 && unknown <= 4, "at most as many as are asked for at once");
    await page.unroute("**/api/admin/sessions/*");
    await dialog.getByRole("button", { name: "End 12 sessions" }).click();
    await dialog.waitFor({ state: "detached" });
    await page.locator(".toast").filter({ hasText: /^9 sessions ended, 3 had ended before\.$/ }).waitFor();
    await page.getByText("No session matches").waitFor();
  }, ROOMY);
});

test("escape does not hide what is being done", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    await createSession(node.url, "anna");
    const page = await openConsole(await person(), "/sessions");
    await rowOf(page, "anna").getByRole("button", { name: /^End / }).click();
    let answer = () => {};
    await page.route("**/api/admin/sessions/*", (route) => new Promise((resolve) => (answer = () => resolve(route.continue()))));
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "End session" }).click();
    await until("it is being done", async () => dialog.getByRole("button", { name: "Cancel" }).isDisabled());
    await page.keyboard.press("Escape");
    await dialog.waitFor();
    answer();
    await dialog.waitFor({ state: "detached" });
    await page.locator(".toast").filter({ hasText: "1 session ended." }).waitFor();
    await rowOf(page, "anna").waitFor({ state: "detached" });
  });
});

test("a page of the list that is lost costs only itself", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    await createSessions(node.url, 30, (at) => `crowd${at}`);
    const someone = await person();
    await openConsole(someone).then((page) => page.close());
    const page = await someone.context.newPage();
    // Pages of ten, and the third is lost once.
    let asked = 0;
    await page.route("**/api/admin/sessions?*", (route) => {
      asked += 1;
      const url = new URL(route.request().url());
      url.searchParams.set("limit", "10");
      return asked === 3 ? route.abort() : route.continue({ url: url.href });
    });
    await page.goto(`${node.url}/admin/sessions?q=crowd`);
    await page.getByRole("alert").filter({ hasText: "No answer" }).waitFor();
    assert.equal(await page.locator("tbody tr").count(), 20, "what was read before it stands");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.locator(".count").filter({ hasText: /^30 sessions$/ }).waitFor();
    assert.equal(new Set(await page.locator("tbody .name").allTextContents()).size, 30);
  }, ROOMY);
});

test("to try again asks again, tells when it was in vain, and keeps the focus", async () => {
  await withPeopleAndTwoNodes(async ({ person }) => {
    const page = await openConsole(await person());
    for (const [path, call] of [["store", "store"], ["nodes", "nodes"], ["audit", "events"], ["disabled", "users"]]) {
      let asked = 0;
      let isAway = true;
      await page.route(`**/api/admin/${call}*`, (route) => {
        asked += 1;
        return isAway ? route.abort() : route.continue();
      });
      await page.locator(`nav a[data-page="${path}"]`).click();
      const again = page.getByRole("button", { name: "Try again" });
      await again.waitFor();
      const before = asked;
      await again.focus();
      await page.keyboard.press("Enter");
      await until("it was asked again", async () => asked > before);
      await until(`the focus stays: ${path}`, () => again.evaluate((button) => button === document.activeElement));
      if (["store", "nodes"].includes(path)) await page.getByText(/^Tried at \d\d:\d\d:\d\d, in vain\.$/).waitFor();
      isAway = false;
      await page.keyboard.press("Enter");
      await page.getByRole("alert").waitFor({ state: "detached" });
      await until("the focus is on the page's title", async () => page.evaluate(() => document.activeElement?.tagName === "H1"));
      await page.unroute(`**/api/admin/${call}*`);
    }
  });
});
