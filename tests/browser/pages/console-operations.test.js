/** What operators see in the console: figures and plots, nodes, the store; notices. Two nodes on Redis. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { confirm, createSession, openConsole, rowOf, toasted } from "../support/console.js";
import { putOut, withPeopleAndTwoNodes } from "../support/people.js";
import { until } from "../support/until.js";

test("the overview shows the figures of now, their course, and what happens", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    for (const name of ["Phone", "Laptop"]) await createSession(node.nodes[1].url, "anna", { device: { name } });
    await (await person({ at: node.nodes[1] })).signIn("user1");
    const page = await openConsole(await person());
    await page.locator(".tile", { hasText: "Live sessions" }).getByText("3", { exact: true }).waitFor();
    await rowOf(page, "Laptop").getByText("Takeover").waitFor();
    // Nodes report every 10 s; both connections are seen with the second report at the latest.
    await page.locator(".tile", { hasText: "Connections" }).getByText("2", { exact: true }).waitFor();
    const plot = page.getByRole("img", { name: /^Connections\. All nodes: now 2/ });
    await plot.focus();
    await page.keyboard.press("End");
    await page.locator(".tip").filter({ hasText: "All nodes 2" }).waitFor();
    await page.getByRole("region", { name: "Connections" }).getByText("As a table").click();
    await page.getByRole("table", { name: "Connections" }).waitFor();
    await page.getByRole("button", { name: "By node" }).click();
    await until("each node has a line", async () => (await page.getByRole("region", { name: "Connections" }).locator(".legend li").count()) === 2);
    await page.getByRole("button", { name: "24 hours" }).click();
    assert.match(page.url(), /span=24h&by=node$/);
    await createSession(node.nodes[1].url, "bert");
    await rowOf(page, "bert").waitFor();
  });
});

test("every figure has its course, of all nodes and by node", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const [here, there] = node.nodes;
    const older = await (await person({ at: here })).signIn("user1");
    await (await person({ at: there })).signIn("user1");
    await putOut(older);
    const page = await openConsole(await person());
    const legendOf = (title) => page.getByRole("region", { name: title }).locator(".legend li");
    const sums = ["Connections", "Logins a second", "Takeovers a second"];
    for (const title of sums) await legendOf(title).filter({ hasText: "All nodes" }).locator("b").waitFor();
    for (const share of ["p99, worst node", "p50, middle node"]) await legendOf("Takeover latency").filter({ hasText: share }).locator("b").waitFor();
    await page.getByRole("button", { name: "By node" }).click();
    for (const { port } of node.nodes) {
      for (const title of sums) await legendOf(title).filter({ hasText: `:${port}` }).locator("b").waitFor();
    }
    // The node of the older device is the one that can tell how long it took.
    await legendOf("Takeover latency").filter({ hasText: `p99 of 127.0.0.1:${here.port}` }).locator("b").waitFor();
  });
});

test("nodes are listed with their state, and a node that went is seen to be gone", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const page = await openConsole(await person(), "/nodes");
    const [here, there] = node.nodes;
    for (const each of [here, there]) await rowOf(page, `:${each.port}`).getByText("Well").waitFor();
    await rowOf(page, `:${there.port}`).getByText(/^0\.\d/).waitFor();
    await there.stop();
    await until("the stopped one is draining or gone", async () => /Draining|Gone/.test(await rowOf(page, `:${there.port}`).textContent()));
    await rowOf(page, `:${here.port}`).getByText("Well").waitFor();
  });
});

test("the store says what it is and what is risky", async () => {
  await withPeopleAndTwoNodes(async ({ person }) => {
    const page = await openConsole(await person(), "/store");
    await page.getByText(/^Redis \d/).first().waitFor();
    await page.getByText(/^The store keeps no append-only file/).waitFor();
    await page.getByRole("region", { name: "Bounds" }).getByText("Round trip").waitFor();
    await page.getByText("Memory", { exact: true }).waitFor();
  });
});

test("the bar of a share shows it as one of a hundred, whatever its bound is", async () => {
  await withPeopleAndTwoNodes(async ({ person }) => {
    const page = await openConsole(await person());
    const thresholds = [
      { name: "hit_percent", value: 60, limit: 50, state: "ok" },
      { name: "memory_percent", value: 8, limit: 80, state: "ok" },
      { name: "clients", value: 30, limit: 10, state: "warn" },
    ];
    await page.route("**/api/admin/store", (route) => route.fulfill({ json: { description: "Redis 7", servers: [], faults: [], warnings: [], thresholds } }));
    await page.locator('nav a[data-page="store"]').click();
    const shares = ["Hit rate", "Memory in use", "Clients"].map((label) => page.getByRole("meter", { name: label }).evaluate(({ value, max }) => value / max));
    assert.deepEqual(await Promise.all(shares), [0.6, 0.08, 1]);
  });
});

test("a notice reaches everybody", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const device = await (await person({ at: node.nodes[1] })).signIn("user1");
    const page = await openConsole(await person(), "/jobs");
    await page.getByRole("button", { name: "Notice to everybody" }).click();
    await page.getByRole("dialog").getByLabel("Text").fill("Restart at noon");
    await confirm(page, "Send notice");
    await device.locator("#announcer").filter({ hasText: "Restart at noon" }).waitFor({ state: "attached" });
    await toasted(page, "Notice: Restart at noon");
  });
});

test("a notice reaches those with a role and nobody else", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const [here, there] = node.nodes;
    const socketOf = async (user, roles) => {
      const { token } = await createSession(node.url, user, { roles });
      return (await person()).openSocket(there.port, token);
    };
    const [member, guest] = [await socketOf("anna", ["member"]), await socketOf("bert", ["guest"])];
    const page = await openConsole(await person({ at: here }), "/jobs");
    const send = async (button, text, whom) => {
      await page.getByRole("button", { name: button }).click();
      await page.getByRole("dialog").getByLabel("Text").fill(text);
      await confirm(page, "Send notice");
      await toasted(page, `Notice sent to ${whom}.`);
    };
    await page.getByLabel("Role").fill("member");
    await send("Notice to this role", "For members", "everybody with the role member");
    await send("Notice to everybody", "For all", "everybody");
    const noticesOf = (socket) => socket.evaluate(() => globalThis.told.filter(({ type }) => type === "notice").map(({ text }) => text));
    for (const socket of [member, guest]) await until("the last one is there", async () => (await noticesOf(socket)).includes("For all"));
    assert.deepEqual([await noticesOf(member), await noticesOf(guest)], [["For members", "For all"], ["For all"]]);
  });
});
