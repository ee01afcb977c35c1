/** What people may call themselves and their devices is text in the console, wherever it stands, and breaks no page. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { callWithKey, confirm, createSession, openConsole, ROOMY, rowOf, toasted } from "../support/console.js";
import { picture, withPeople } from "../support/people.js";

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
