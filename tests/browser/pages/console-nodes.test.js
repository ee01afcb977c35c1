/** The console's table of sessions where nodes matter: whose they are, where they move to, and what a dead one leaves. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { createSession, nodeAt, openConsole, rowOf } from "../support/console.js";
import { withPeopleAndTwoNodes } from "../support/people.js";
import { until } from "../support/until.js";

test("the sessions of one node are those with a connection there", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const [here, there] = node.nodes;
    await (await person({ at: there })).signIn("user1");
    await createSession(here.url, "offline");
    const page = await openConsole(await person(), "/sessions");
    const nodes = page.getByLabel("Node", { exact: true });
    await until("both nodes can be chosen", async () => (await nodes.locator("option").count()) === 3);
    await nodes.selectOption({ label: (await nodes.locator("option").allTextContents()).find((label) => label.includes(`:${there.port}`)) });
    await page.locator(".count").filter({ hasText: /^1 session$/ }).waitFor();
    assert.deepEqual(await page.locator("tbody .name").allTextContents(), ["user1"]);
  });
});

test("a list of one node's sessions gets those that move there and loses those that move away", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const [here, there] = node.nodes;
    const wanted = await nodeAt(here.url, there.port);
    const open = async (port, token) => (await person()).openSocket(port, token);
    const { token } = await createSession(here.url, "anna", { device: { class: "tv" } });
    const other = await createSession(here.url, "bert", { device: { class: "mobile" } });
    const page = await openConsole(await person({ at: here }), `/sessions?node=${wanted}&class=tv`);
    await page.getByText("No session matches").waitFor();
    let reads = 0;
    page.on("request", (request) => (reads += new URL(request.url()).pathname === `/api/admin/sessions/${other.session.id}` ? 1 : 0));
    // Another filter keeps this one out, and it is read for that once.
    const kept = await open(there.port, other.token);
    const socket = await open(there.port, token);
    await rowOf(page, "anna").getByText(wanted.slice(0, 8)).waitFor();
    await page.locator(".count").filter({ hasText: /^1 session$/ }).waitFor();
    // The latest connection counts.
    await open(here.port, token);
    await rowOf(page, "anna").waitFor({ state: "detached" });
    await page.getByText("No session matches").waitFor();
    await socket.close();
    await kept.close();
    await open(there.port, token);
    await rowOf(page, "anna").waitFor();
    assert.equal(await rowOf(page, "bert").count(), 0);
    assert.ok(reads <= 1, `${reads} reads of one that is not wanted`);
  });
});

test("rows of a node that was killed follow once its connections count no more", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const [here, there] = node.nodes;
    const { token } = await createSession(here.url, "anna");
    const page = await openConsole(await person({ at: here }), "/sessions");
    await (await person()).openSocket(there.port, token);
    const cell = (label) => rowOf(page, "anna").locator(`[data-label="${label}"]`);
    await cell("Connections").getByText("1", { exact: true }).waitFor();
    // As it is half a minute after its last report.
    await page.route("**/api/admin/nodes", async (route) => {
      const answer = await route.fetch();
      const { nodes } = await answer.json();
      await route.fulfill({ json: { nodes: nodes.map((each) => ({ ...each, alive: each.alive && !each.name.endsWith(`:${there.port}`) })) } });
    });
    await there.stop("SIGKILL");
    await cell("Node").getByText("none").waitFor();
    await cell("Connections").getByText("0", { exact: true }).waitFor();
  }, { GHOST_AFTER: "5s" });
});
