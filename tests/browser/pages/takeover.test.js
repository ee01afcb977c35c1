/** Two browsers, one seat. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { picture, putOut, seated, submitLogin, withPeople } from "../support/people.js";
import { until } from "../support/until.js";

const WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0";

test("a newer login puts the older browser out, and its page says by whom, from where and when", async () => {
  await withPeople(async ({ person }) => {
    const older = await (await person()).signIn();
    await picture(older, "home");
    const before = Date.now();
    const newer = await (await person({ userAgent: WINDOWS })).signIn();
    assert.equal(await newer.title(), "You have the seat · Hotseat");
    const facts = await putOut(older);
    assert.equal(await older.title(), "Your seat was taken · Hotseat");
    await picture(older, "put-out");
    assert.equal(facts.Device, "Firefox 128 on Windows (computer)");
    assert.match(facts.Address, /^127\.0\.0\./);
    const at = Date.parse(`${facts.When.replace(",", "")}Z`);
    assert.ok(at >= before - 2_000 && at <= Date.now() + 2_000, facts.When);
    await seated(newer);
  });
});

test("use here takes the seat back, and now the other browser is out", async () => {
  await withPeople(async ({ person }) => {
    const first = await (await person()).signIn();
    const second = await (await person()).signIn();
    await putOut(first);
    await first.getByRole("button", { name: "Use here" }).click();
    const password = first.getByLabel("Password");
    assert.equal(await first.getByLabel("User name").inputValue(), "user1");
    assert.ok(await password.evaluate((field) => field === document.activeElement));
    await picture(first, "use-here");
    await password.fill("password1");
    await password.press("Enter");
    await seated(first);
    await putOut(second);
  });
});

test("a wrong password at use here says so, and the page stays", async () => {
  await withPeople(async ({ person }) => {
    const first = await (await person()).signIn();
    await (await person()).signIn();
    await putOut(first);
    await first.getByRole("button", { name: "Use here" }).click();
    await first.getByLabel("Password").fill("wrong");
    await first.getByLabel("Password").press("Enter");
    await first.getByRole("alert").filter({ hasText: "do not match" }).waitFor();
    await putOut(first);
  });
});

test("whoever was put out is not let back in by a reload, and is told why again", async () => {
  await withPeople(async ({ person }) => {
    const older = await (await person()).signIn();
    await (await person({ userAgent: WINDOWS })).signIn();
    const told = await putOut(older);
    await older.reload();
    assert.deepEqual(await putOut(older), told);
    assert.equal(older.sockets.length, 1);
  });
});

test("other users keep their seats", async () => {
  await withPeople(async ({ person }) => {
    const first = await (await person()).signIn("user1");
    const second = await (await person()).signIn("user2");
    await (await person()).signIn("user1");
    await putOut(first);
    await seated(second);
  });
});

test("signing in again in the same browser is no takeover", async () => {
  await withPeople(async ({ person }) => {
    const someone = await person();
    const page = await someone.signIn();
    const [before] = await someone.sessions();
    // Not through the page, which would connect anew by itself: it hears of the login from the server alone.
    const data = { username: "user1", password: "password1" };
    await someone.context.request.post(new URL("/api/auth/login", page.url()).href, { data });
    await until("the page has the new session's connection", async () => (await someone.sessions())[0].connections === 1);
    await seated(page);
    const [after] = await someone.sessions();
    assert.notEqual(after.id, before.id);
    assert.equal(after.device.id, before.device.id);
  });
});

test("a refused login says so in words, and the page says nothing about which half was wrong", async () => {
  await withPeople(async ({ person }) => {
    const page = await (await person()).openTab();
    await submitLogin(page, "user1", "nonsense");
    await page.getByRole("alert").filter({ hasText: "User name and password do not match" }).waitFor();
    await picture(page, "wrong-password");
  });
});

test("too many wrong passwords are answered with the time to wait, which runs down", async () => {
  await withPeople(
    async ({ person }) => {
      const page = await (await person()).openTab();
      const wait = page.locator("#problem").filter({ hasText: /Please wait \d+ seconds?/ });
      await until("the brake is on", async () => {
        await submitLogin(page, "user1", "nonsense");
        await page.locator("form[aria-busy=false] .problem:not([hidden])").waitFor();
        return wait.isVisible();
      });
      await picture(page, "rate-limited");
      const seconds = async () => Number((await wait.innerText()).match(/wait (\d+)/)[1]);
      const first = await seconds();
      await until("the wait runs down", async () => (await seconds()) < first);
    },
    { "RATE__LOGIN": "3 per 4m" },
  );
});
