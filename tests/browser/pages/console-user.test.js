/** The console's page of one user: what it shows, and what can be done there, on two nodes. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { callWithKey, confirm, createSession, openConsole, ROOMY, rowOf, toasted } from "../support/console.js";
import { putOut, submitLogin, withPeopleAndTwoNodes } from "../support/people.js";

const devices = (page) => page.getByRole("region", { name: /^Devices/ });
const events = (page) => page.getByRole("region", { name: "Last events" });

test("a user's devices and events come and go as they happen", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const page = await openConsole(await person(), "/users/anna");
    await page.getByText("Not signed in").waitFor();
    const { session } = await createSession(node.nodes[1].url, "anna", { device: { name: "Tablet", class: "tablet" } });
    await devices(page).getByText("Tablet", { exact: true }).waitFor();
    await events(page).getByText("Signed in").waitFor();
    await callWithKey(node.nodes[1].url, "DELETE", `/api/sessions/${session.id}`);
    await page.getByText("Not signed in").waitFor();
    await events(page).getByText("Ended by administrator").waitFor();
    await rowOf(events(page), "Ended").getByText("API key demo").waitFor();
  }, ROOMY);
});

test("all sessions of a user end at once", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const people = [await (await person({ at: node.nodes[0] })).signIn("user1"), await (await person({ at: node.nodes[1] })).signIn("user1")];
    const page = await openConsole(await person(), "/users/user1");
    await page.getByRole("heading", { name: "Devices (2)" }).waitFor();
    await page.getByRole("button", { name: "End all" }).click();
    await confirm(page, "End all", { reason: "Lost bag" });
    await toasted(page, "2 sessions of user1 ended.");
    for (const device of people) await putOut(device, "Signed out by an administrator");
    await page.getByText("Not signed in").waitFor();
    await events(page).locator("q", { hasText: "Lost bag" }).first().waitFor();
  }, ROOMY);
});

test("one of a user's devices ends, the other stays", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    await createSession(node.url, "anna", { device: { name: "Phone" } });
    await createSession(node.url, "anna", { device: { name: "Laptop" } });
    const page = await openConsole(await person(), "/users/anna");
    await page.getByRole("button", { name: "End Phone of anna" }).click();
    await confirm(page, "End session");
    await page.getByRole("heading", { name: "Devices (1)" }).waitFor();
    await devices(page).getByText("Laptop").waitFor();
  }, ROOMY);
});

test("a disabled user is out and stays out until enabled", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const device = await (await person({ at: node.nodes[1] })).signIn("user2");
    const page = await openConsole(await person(), "/users/user2");
    await page.getByRole("button", { name: "Disable user" }).click();
    await confirm(page, "Disable user", { reason: "Stolen password" });
    await putOut(device, "This account is disabled");
    await page.locator(".heading").getByText("Disabled").waitFor();
    await events(page).locator("q", { hasText: "Stolen password" }).first().waitFor();
    const refused = await (await person()).openTab();
    await submitLogin(refused, "user2");
    await refused.getByRole("alert").filter({ hasText: "disabled" }).waitFor();
    await events(page).getByText("Refused: disabled").waitFor();
    await page.getByRole("button", { name: "Enable user" }).click();
    await confirm(page, "Enable user");
    await page.getByRole("button", { name: "Disable user" }).waitFor();
    await (await person()).signIn("user2");
    await page.getByRole("heading", { name: "Devices (1)" }).waitFor();
  });
});

test("a notice reaches the devices that are connected, on every node", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const device = await (await person({ at: node.nodes[1] })).signIn("user1");
    const page = await openConsole(await person(), "/users/user1");
    await page.getByRole("button", { name: "Send notice" }).click();
    await page.getByRole("dialog").getByLabel("Text").fill("Maintenance at 22:00");
    await page.getByRole("dialog").getByLabel("Level").selectOption("warning");
    await confirm(page, "Send notice");
    await toasted(page, "Notice sent to user1.");
    await device.locator("#announcer").filter({ hasText: "Maintenance at 22:00" }).waitFor({ state: "attached" });
    await events(page).locator("q", { hasText: "Maintenance at 22:00" }).waitFor();
  });
});

test("how contested a user is stands on its page, and leads to the list", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const seats = [["Phone", "mobile", "203.0.113.7"], ["Laptop", "desktop", "198.51.100.23"], ["Tablet", "tablet", "192.0.2.5"]];
    for (const [name, device, ip] of seats) await createSession(node.url, "dora", { device: { name, class: device }, ip });
    await createSession(node.url, "carl");
    await createSession(node.url, "carl");
    const page = await openConsole(await person(), "/users/dora");
    const contested = page.getByRole("region", { name: "Contested" });
    await contested.getByText("2 takeovers").first().waitFor();
    await contested.getByRole("link", { name: "rank 1" }).first().click();
    await page.getByRole("heading", { name: "Contested" }).waitFor();
    await rowOf(page, "carl").waitFor();
    const [first, second] = await page.locator("tbody tr").all();
    assert.match(await first.textContent(), /^1dora23 devices, 3 addresses/);
    await first.getByText("Laptop").first().waitFor();
    await first.getByText("192.0.2.5").waitFor();
    assert.match(await second.textContent(), /^2carl1/);
    await page.getByRole("button", { name: "This week" }).click();
    assert.match(page.url(), /period=week$/);
    const { since, users } = await callWithKey(node.url, "GET", "/api/admin/contested?period=week");
    const monday = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" }).format(new Date(since));
    assert.equal(new Date(since).getUTCDay(), 1);
    await page.locator(".table-note").filter({ hasText: `Counted since ${monday}` }).waitFor();
    assert.deepEqual(users.map(({ user_id, takeovers }) => [user_id, takeovers]), [["dora", 2], ["carl", 1]]);
    await rowOf(page, "dora").getByText("2", { exact: true }).waitFor();
    await page.getByRole("link", { name: "dora" }).click();
    await page.getByRole("heading", { name: "dora", level: 1 }).waitFor();
  });
});
