/** The console's audit: filters, paging, the live tail, the export. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { callWithKey, createSession, createSessions, openConsole, readOn, ROOMY, rowOf } from "../support/console.js";
import { submitLogin, withPeopleAndTwoNodes } from "../support/people.js";

test("the audit says who did what, and finds it again", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    await createSession(node.nodes[0].url, "anna", { device: { name: "Phone" } });
    await createSession(node.nodes[1].url, "anna", { device: { name: "Laptop" } });
    await callWithKey(node.nodes[1].url, "DELETE", "/api/admin/users/anna/sessions", { note: "Asked by phone" });
    const tab = await (await person()).openTab();
    await submitLogin(tab, "user1", "wrong");
    const page = await openConsole(await person(), "/audit");
    await rowOf(page, "Laptop").getByText("Takeover").waitFor();
    const kicked = rowOf(page, "Ended by administrator");
    await kicked.getByText("API key").waitFor();
    await kicked.locator("q", { hasText: "Asked by phone" }).waitFor();
    await rowOf(page, "Wrong password").getByText("user1").waitFor();

    await page.getByLabel("Kind").selectOption("takeover");
    await rowOf(page, "Laptop").getByText("Takeover").waitFor();
    await page.locator(".count").filter({ hasText: /^1 event$/ }).waitFor();
    await page.getByLabel("Kind").selectOption("kicked,disabled,enabled,notice,job");
    await kicked.waitFor();
    await page.locator(".count").filter({ hasText: /^1 event$/ }).waitFor();
    await page.getByLabel("Kind").selectOption("");
    await rowOf(page, "admin").first().waitFor();
    await page.getByRole("searchbox").fill("user1");
    await rowOf(page, "anna").first().waitFor({ state: "detached" });
    await page.locator(".count").filter({ hasText: /^1 event$/ }).waitFor();
    await page.getByLabel("Time").selectOption("1");
    await rowOf(page, "Wrong password").waitFor();
    await page.getByRole("searchbox").fill("nobody");
    await page.getByText("Nothing matches").waitFor();
  });
});

test("the tail moves as things happen on any node, and stands still when told to", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const page = await openConsole(await person(), "/audit?type=login");
    await rowOf(page, "admin").first().waitFor();
    await createSession(node.nodes[1].url, "anna");
    await rowOf(page, "anna").waitFor();
    await page.getByLabel("Live").uncheck();
    const other = await page.context().newPage();
    await other.goto(`${node.url}/admin/audit?type=login`);
    await rowOf(other, "anna").waitFor();
    await createSession(node.nodes[1].url, "bert");
    await rowOf(other, "bert").waitFor();
    assert.equal(await rowOf(page, "bert").count(), 0, "what another page was told is not shown here");
    await other.close();
    await page.getByLabel("Live").check();
    await rowOf(page, "bert").waitFor();
    assert.equal(await rowOf(page, "anna").count(), 1, "no event stands twice");
  });
});

test("the log is read on page by page and taken along as a file with the same filters", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    await createSessions(node.url, 130, (at) => `crowd${at}`);
    const page = await openConsole(await person(), "/audit?type=login");
    await page.locator(".count").filter({ hasText: /shown$/ }).waitFor();
    await readOn(page, "131 events");
    await page.getByRole("searchbox").fill("crowd7");
    await page.locator(".count").filter({ hasText: /^1 event$/ }).waitFor();
    const downloading = page.waitForEvent("download");
    await page.getByRole("link", { name: "Export NDJSON" }).click();
    const file = await downloading;
    assert.equal(file.suggestedFilename(), "hotseat-events.ndjson");
    const lines = readFileSync(await file.path(), "utf8").trim().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(lines.map(({ type, user }) => [type, user]), [["login", "crowd7"]]);
  }, ROOMY);
});
