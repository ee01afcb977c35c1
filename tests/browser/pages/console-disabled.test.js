/** The console's list of disabled users, on two nodes: who is on it, how one is found there and let in again. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { callWithKey, confirm, createSession, openConsole, ROOMY, rowOf, toasted } from "../support/console.js";
import { withPeople, withPeopleAndTwoNodes } from "../support/people.js";
import { until } from "../support/until.js";

const disable = (url, user, note) => callWithKey(url, "PUT", `/api/admin/users/${encodeURIComponent(user)}/disabled`, { note });

test("whom anybody has disabled is listed, found, and let in again by keyboard alone", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const [here, there] = node.nodes;
    for (const user of ["anna", "annika", "bert/b"]) await disable(here.url, user, "Chargeback");
    const page = await openConsole(await person());
    await page.keyboard.press("g");
    await page.keyboard.press("b");
    await page.getByRole("heading", { name: "Disabled", level: 1 }).waitFor();
    await page.locator(".count").filter({ hasText: /^3 users$/ }).waitFor();
    // By another administrator, on another node.
    await disable(there.url, "carl");
    await rowOf(page, "carl").waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("ann");
    await page.locator(".count").filter({ hasText: /^2 users$/ }).waitFor();
    assert.match(page.url(), /\/admin\/disabled\?q=ann$/);
    await page.keyboard.press("Tab");
    await until("the first row has the focus", async () => {
      await page.keyboard.press("ArrowDown");
      return page.evaluate(() => document.activeElement?.tagName === "TR");
    });
    const user = await page.evaluate(() => document.activeElement?.dataset.id);
    await page.keyboard.press("e");
    await page.getByRole("dialog", { name: `Enable ${user}?` }).waitFor();
    await confirm(page, "Enable user", { reason: "Paid" });
    await toasted(page, `${user} is enabled.`);
    await page.locator(".count").filter({ hasText: /^1 user$/ }).waitFor();
    await until("the focus is on the row that is left", async () => page.evaluate(() => document.activeElement?.tagName === "TR"));
    await createSession(there.url, user);
    // By somebody else: the row goes by itself.
    const other = user === "anna" ? "annika" : "anna";
    await callWithKey(there.url, "DELETE", `/api/admin/users/${other}/disabled`);
    await page.getByText("Nobody matches").waitFor();
  }, ROOMY);
});

test("a disabled user's row leads to the user and to who did it, and why", async () => {
  await withPeople(async ({ node, person }) => {
    await disable(node.url, "bert/b", "Chargeback 4711");
    const page = await openConsole(await person(), "/disabled");
    await rowOf(page, "bert/b").getByRole("link", { name: "In the audit: who disabled bert/b, and why" }).click();
    await rowOf(page, "Chargeback 4711").getByText("API key demo").waitFor();
    assert.equal(await page.locator("tbody tr").count(), 1);
    await page.goBack();
    await page.getByRole("link", { name: "bert/b", exact: true }).click();
    await page.getByRole("button", { name: "Enable user" }).waitFor();
  });
});

test("an auditor sees who is disabled and is offered nothing else", async () => {
  await withPeople(async ({ node, person }) => {
    await disable(node.url, "anna");
    const page = await openConsole(await person(), "/disabled", "auditor");
    await rowOf(page, "anna").waitFor();
    assert.equal(await page.getByRole("button", { name: /Enable/ }).count(), 0);
  });
});

test("where nobody is disabled the page says so", async () => {
  await withPeople(async ({ person }) => {
    const page = await openConsole(await person(), "/disabled");
    await page.getByText("Nobody is disabled").waitFor();
  });
});
