/** Who gets into the console, and how one is put out of it; two nodes on Redis. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { callWithKey, createSession, openConsole, rowOf } from "../support/console.js";
import { assertAccessible, picture, submitLogin, withPeopleAndTwoNodes } from "../support/people.js";

test("an administrator signs in where the address points, and a reload stays there", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    await createSession(node.url, "anna");
    const page = await (await person()).openTab("/admin/users/anna");
    await picture(page, "console-sign-in");
    await assertAccessible(page, "sign in");
    await submitLogin(page, "admin", "wrong");
    await page.getByRole("alert").filter({ hasText: "do not match" }).waitFor();
    await submitLogin(page, "admin");
    await page.getByRole("heading", { name: "anna", level: 1 }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "anna", level: 1 }).waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
  });
});

test("who is no administrator sees nothing, and may sign in as somebody who is", async () => {
  await withPeopleAndTwoNodes(async ({ person }) => {
    const page = await (await person()).openTab("/admin");
    await submitLogin(page, "user1");
    await page.getByRole("heading", { name: "Not for this account" }).waitFor();
    assert.equal(await page.getByRole("navigation").count(), 0);
    await page.getByRole("button", { name: "Sign in as someone else" }).click();
    await submitLogin(page, "admin");
    await page.getByRole("heading", { name: "Overview" }).waitFor();
  });
});

test("an auditor sees everything and is offered no act", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    await createSession(node.url, "anna");
    const page = await openConsole(await person(), "/sessions", "auditor");
    await rowOf(page, "anna").waitFor();
    assert.equal(await page.getByRole("checkbox").count(), 0);
    await rowOf(page, "anna").getByRole("link", { name: "anna" }).click();
    await page.getByRole("heading", { name: "Devices (1)" }).waitFor();
    assert.equal(await page.getByRole("button", { name: /End|Disable|Send/ }).count(), 0);
    await page.goto(`${node.url}/admin/jobs`);
    await page.getByText("No jobs").waitFor();
    assert.equal(await page.getByRole("button", { name: /End|Notice/ }).count(), 0);
  });
});

test("an administrator whose seat is taken is told by which device, and takes it back", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const [here, there] = node.nodes;
    const first = await openConsole(await person({ at: here }), "/audit");
    await first.getByRole("heading", { name: "Audit" }).waitFor();
    await openConsole(await person({ at: there }));
    await first.getByRole("heading", { name: "Your seat was taken" }).waitFor();
    await first.getByText(/^Chrome/).waitFor();
    await picture(first, "console-out");
    await assertAccessible(first, "out");
    await first.getByLabel("Password").fill("admin");
    await first.getByRole("button", { name: "Use the console here" }).click();
    await first.getByRole("heading", { name: "Audit" }).waitFor();
  });
});

test("an administrator who is ended by another is out of the console", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const [here, there] = node.nodes;
    const page = await openConsole(await person({ at: here }), "/sessions");
    await rowOf(page, "admin").waitFor();
    await callWithKey(there.url, "DELETE", "/api/users/admin/sessions");
    await page.getByRole("heading", { name: "Signed out by an administrator" }).waitFor();
  });
});

test("a console that is left alone reads on and is ended as idle", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const page = await openConsole(await person(), "/nodes");
    for (const { port } of node.nodes) await rowOf(page, `:${port}`).getByText("Well").waitFor();
    let reads = 0;
    page.on("request", (request) => (reads += request.headers()["hotseat-background"] ? 1 : 0));
    await page.getByRole("heading", { name: "Signed out after a long pause" }).waitFor();
    assert.ok(reads > 0, "it has read meanwhile, and that was no use");
  }, { IDLE_TTL: "15s" });
});
