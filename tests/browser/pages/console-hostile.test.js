/**
 * What people may call themselves and their devices is text in the console, wherever it stands, and breaks no page; nor
 * does more than a page can show.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { callWithKey, confirm, createSession, openConsole, ROOMY, rowOf, toasted } from "../support/console.js";
import { picture, withPeople, withPeopleAndTwoNodes } from "../support/people.js";
import { until } from "../support/until.js";

const HTML = `"><img src=x onerror=document.title='taken'><script>document.title='taken'</script>`;
const PHONE = { viewport: { width: 390, height: 844 } };
/** Of 128 bytes, the most there may be. */
const LONG = `${"very-long-name-without-a-break".repeat(4)}@x.test!`;

/** Nothing of what was written became part of the page. */
async function assertPlain(page, where) {
  const found = await page.evaluate(() => [document.title, document.querySelectorAll("main :is(img, script, iframe, style)").length, document.documentElement.scrollWidth - innerWidth]);
  assert.match(found[0], /Hotseat/, where);
  assert.deepEqual([found[1], found[2] > 0], [0, false], `${where}: ${found}`);
}

for (const [look, options] of Object.entries({ desktop: {}, phone: PHONE })) {
  test(`HTML in names, notes, roles and agents stays text: ${look}`, async () => {
    await withPeople(async ({ node, person }) => {
      const device = { name: HTML.slice(0, 64), class: "desktop" };
      // Two of one user, so that there is a takeover with its evidence.
      for (const user_id of [HTML, HTML, LONG, LONG]) await createSession(node.url, user_id, { device, user_agent: HTML, data: { html: HTML } });
      await callWithKey(node.url, "DELETE", `/api/admin/users/${encodeURIComponent(LONG)}/sessions`, { note: HTML });
      await callWithKey(node.url, "POST", "/api/admin/jobs", { kind: "end-sessions", role: "nobody", note: HTML });
      const page = await openConsole(await person(options), "/sessions");
      await rowOf(page, HTML).waitFor();
      await assertPlain(page, "sessions");
      await rowOf(page, HTML).getByRole("link", { name: HTML }).click();
      await page.getByRole("heading", { name: HTML, level: 1 }).waitFor();
      await page.getByRole("heading", { name: "Devices (1)" }).waitFor();
      await picture(page, `console-hostile-${look}`);
      await assertPlain(page, "user");
      for (const [path, shown] of [["", "Right now"], ["/audit", "Audit"], ["/contested", "Contested"], ["/jobs", "Jobs"]]) {
        await page.goto(`${node.url}/admin${path}`);
        await page.getByRole("heading", { name: shown }).waitFor();
        await page.getByText("onerror").first().waitFor();
        await assertPlain(page, shown);
      }
    });
  });
}

test("a user whose id looks like a path or a query is looked at, told something, and ended", async () => {
  await withPeople(async ({ node, person }) => {
    const page = await openConsole(await person(), "/sessions");
    for (const user of ["a/b?c#d%2F&e=f", "...", "%", "🦀 é", "x"]) {
      await createSession(node.url, user);
      await page.getByRole("link", { name: "Sessions" }).click();
      await page.getByRole("searchbox").fill(user);
      await rowOf(page, user).getByRole("link", { name: user, exact: true }).click();
      await page.getByRole("heading", { name: user, exact: true, level: 1 }).waitFor();
      await page.getByRole("heading", { name: "Devices (1)" }).waitFor();
      await page.reload();
      await page.getByRole("heading", { name: "Devices (1)" }).waitFor();
      await page.getByRole("button", { name: "End all" }).click();
      await confirm(page, "End all");
      await toasted(page, `1 session of ${user} ended.`);
      await page.getByText("Not signed in").waitFor();
      await page.getByRole("link", { name: "All in the audit" }).click();
      await rowOf(page, user).getByText("Ended by administrator").waitFor();
    }
  }, ROOMY);
});

/** No server sends so much at once. One that did, or a proxy that held back a minute of it, must not freeze the page. */
test("ten thousand events at once drown neither the table nor the audit", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const someone = await person();
    await openConsole(someone).then((page) => page.close());
    const page = await someone.context.newPage();
    const id = (at) => `0192d4e0-0000-7000-8000-${at.toString(16).padStart(12, "0")}`;
    const happening = (at) => ({ id: `${1_790_000_000_000 + at}-0`, time: new Date().toISOString(), type: "login", user: `crowd${at}`, session: id(at), actor: null, reason: null, by: null, ended: [], note: null, ip: "203.0.113.7", device: { id: "d", name: "Phone", class: "mobile" } });
    const body = Array.from({ length: 10_000 }, (_, at) => `event: event\nid: ${at}\ndata: ${JSON.stringify(happening(at))}\n\n`).join("");
    let floods = 0;
    // What really happened is told only once the flood was seen: it would be counted with it.
    let goOn = () => {};
    const seen = new Promise((resolve) => (goOn = () => resolve(undefined)));
    await page.route("**/api/admin/stream*", (route) =>
      floods++ === 0 ? route.fulfill({ contentType: "text/event-stream", body }) : seen.then(() => route.continue()));
    let reads = 0;
    page.on("request", (request) => (reads += /\/api\/admin\/sessions\/0192d4e0/.test(request.url()) ? 1 : 0));
    await page.goto(`${node.url}/admin/sessions`);
    // Ten are read of each batch, of which nobody knows anything; where the machine is slow they come in more than one.
    await page.getByRole("button", { name: /^10,000 changes came too fast to show/ }).waitFor();
    assert.ok(reads < 100, `${reads} of them were read`);
    goOn();
    await rowOf(page, "admin").waitFor();
    floods = 0;
    await page.goto(`${node.url}/admin/audit`);
    await until("the audit has taken them, or has read the log again since", async () => floods > 1 && (await page.locator("tbody tr").count()) > 0);
    assert.ok((await page.locator("tbody tr").count()) <= 5000, "what nobody reads is let go of");
    await page.getByRole("link", { name: "Nodes" }).click();
    await page.getByRole("heading", { name: "Nodes", level: 1 }).waitFor();
  });
});
