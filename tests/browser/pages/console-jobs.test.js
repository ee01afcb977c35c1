/** Jobs in the console: begun behind a typed word, moving, cancelled, resting, failed and begun again. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { confirm, createSession, createSessions, openConsole, ROOMY, rowOf, toasted } from "../support/console.js";
import { assertAccessible, picture, putOut, seated, withPeopleAndTwoNodes } from "../support/people.js";
import { until } from "../support/until.js";

test("a job ends all of a role behind a typed word, shows its progress, and spares the administrator", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    await createSessions(node.url, 300, (at) => `member${at}`, { roles: ["member"] });
    await createSession(node.url, "guest", { roles: ["guest"] });
    const device = await (await person({ at: node.nodes[1] })).signIn("user1");
    const page = await openConsole(await person(), "/jobs");
    await page.getByLabel("Role").fill("member");
    await page.getByRole("button", { name: "End all of this role" }).click();
    const dialog = page.getByRole("dialog");
    assert.ok(await dialog.getByRole("button", { name: "End all" }).isDisabled(), "not before the word is typed");
    await confirm(page, "End all", { phrase: "member", reason: "Keys rotate" });
    await toasted(page, "The job has begun.");
    const job = page.getByRole("article", { name: "End all sessions with the role member" });
    await job.getByText("Done").waitFor();
    await job.getByText("300").first().waitFor();
    await job.locator("q", { hasText: "Keys rotate" }).waitFor();
    await seated(device);

    await page.getByRole("button", { name: "End all sessions" }).click();
    await confirm(page, "End all", { phrase: "everybody" });
    await page.getByRole("article", { name: "End all sessions of everybody" }).getByText("Done").waitFor();
    await putOut(device, "Signed out by an administrator");
    await page.getByRole("link", { name: "Sessions" }).click();
    await rowOf(page, "admin").waitFor();
    await page.locator(".count").filter({ hasText: /^1 session$/ }).waitFor();
  }, ROOMY);
});

test("a job's bar moves while it runs, and it is cancelled from its card", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    // A job that lasts as long as the test wants: what the real ones do is told by tests of the server.
    const job = { id: "0192d4e0-0000-7000-8000-000000000001", kind: "end-sessions", role: "member", everybody: false, actor: "user:admin", note: null, state: "running", created_at: new Date().toISOString(), finished_at: null, seen: 250, ended: 200, total: 1000, progress: 0.25, node: "00112233445566ff" };
    const someone = await person();
    await openConsole(someone);
    const page = await someone.context.newPage();
    const cancelled = [];
    await page.route("**/api/admin/jobs*", (route) => route.fulfill({ json: { jobs: [job] } }));
    await page.route("**/api/admin/jobs/*", (route) => {
      cancelled.push(`${route.request().method()} ${new URL(route.request().url()).pathname}`);
      job.state = "cancelled";
      return route.fulfill({ status: 200, json: job });
    });
    await page.goto(`${node.url}/admin/jobs`);
    const card = page.getByRole("article", { name: "End all sessions with the role member" });
    const bar = card.getByRole("progressbar", { name: "Progress of: End all sessions with the role member" });
    const value = () => bar.evaluate((element) => element.value);
    await card.getByText("Running").waitFor();
    assert.equal(await value(), 0.25);
    Object.assign(job, { progress: 0.75, seen: 750, ended: 600 });
    await until("the bar has moved by itself", async () => (await value()) === 0.75);
    await card.getByText("600").waitFor();
    await card.getByRole("button", { name: "Cancel job" }).click();
    await confirm(page, "Cancel job");
    await card.getByText("Cancelled").waitFor();
    await toasted(page, "The job is cancelled.");
    assert.deepEqual(cancelled, [`DELETE /api/admin/jobs/${job.id}`]);
    assert.equal(await card.getByRole("button", { name: "Cancel job" }).count(), 0);
  });
});

test("a job that can't go on says why while it rests, and when it has failed it is begun again", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    // Failing takes minutes: what the real ones do is told by tests of the server.
    const cause = "the store can't be reached: 127.0.0.1:6379 does not answer";
    const job = { id: "0192d4e0-0000-7000-8000-000000000002", kind: "end-sessions", role: "member", everybody: false, actor: "user:admin", note: "Keys rotate", state: "running", created_at: new Date().toISOString(), finished_at: null, seen: 250, ended: 200, total: 1000, progress: 0.25, tries: 3, cause, node: null };
    const cancelled = { ...job, id: "0192d4e0-0000-7000-8000-000000000003", role: null, everybody: true, state: "cancelled", tries: 0, cause: null, finished_at: job.created_at };
    const someone = await person();
    await openConsole(someone);
    const page = await someone.context.newPage();
    const begun = [];
    await page.route("**/api/admin/jobs*", (route) => {
      if (route.request().method() !== "POST") return route.fulfill({ json: { jobs: [job, cancelled] } });
      begun.push(route.request().postDataJSON());
      return route.fulfill({ status: 202, json: job });
    });
    await page.goto(`${node.url}/admin/jobs`);
    const card = page.getByRole("article", { name: "End all sessions with the role member" });
    await card.getByText("Waiting to try again").waitFor();
    await card.getByText(`3 tries failed: ${cause}.`).waitFor();
    await picture(page, "console-jobs-stuck");
    await assertAccessible(page, "a job that rests");
    Object.assign(job, { state: "failed", tries: 10, finished_at: new Date().toISOString() });
    await card.getByText("Failed", { exact: true }).waitFor();
    await card.getByText(/^Given up after 10 tries: the store can't be reached/).waitFor();
    assert.equal(await card.getByRole("button", { name: "Cancel job" }).count(), 0);
    await picture(page, "console-jobs-failed");
    await assertAccessible(page, "a job that has failed");
    await card.getByRole("button", { name: "Start again" }).click();
    await confirm(page, "End all", { phrase: "member", reason: "Mended" });
    await toasted(page, "The job has begun.");
    assert.deepEqual(begun, [{ kind: "end-sessions", role: "member", note: "Mended" }]);
  });
});
