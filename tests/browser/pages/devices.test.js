/** A user with two seats: the list of devices, ending one, choosing one. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { picture, putOut, seated, submitLogin, withPeople } from "../support/people.js";

const TWO = JSON.stringify([{ role: "*", class: "*", max: 2 }]);
const THREE = JSON.stringify([{ role: "*", class: "*", max: 3 }]);
const PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile/15E148 Safari/604.1";
const WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0";

test("another device appears in the list, and can be signed out from here", async () => {
  await withPeople(
    async ({ person }) => {
      const here = await (await person()).signIn();
      await here.getByText("None is signed in.").waitFor();
      const there = await (await person({ userAgent: PHONE })).signIn();
      const row = here.getByRole("listitem").filter({ hasText: "Safari 17 on iPhone" });
      await row.filter({ hasText: "connected now" }).waitFor();
      await picture(here, "devices");
      await here.getByRole("button", { name: "Sign out Safari 17 on iPhone" }).click();
      const facts = await putOut(there, "Signed out");
      assert.match(facts.Device, /^Chrome/);
      await here.getByText("None is signed in.").waitFor();
      await seated(here);
    },
    { LIMITS: TWO },
  );
});

test("all other devices can be signed out at once", async () => {
  await withPeople(
    async ({ person }) => {
      const others = [await (await person({ userAgent: PHONE })).signIn(), await (await person({ userAgent: WINDOWS })).signIn()];
      const here = await (await person()).signIn();
      await here.getByRole("button", { name: "Sign out all other devices" }).click();
      for (const other of others) await putOut(other, "Signed out");
      await seated(here);
    },
    { LIMITS: THREE },
  );
});

test("where the user chooses, the chosen device goes and the other stays", async () => {
  await withPeople(
    async ({ person }) => {
      const phone = await (await person({ userAgent: PHONE })).signIn();
      const windows = await (await person({ userAgent: WINDOWS })).signIn();
      const page = await (await person()).openTab();
      await submitLogin(page, "user1");
      await page.getByRole("group", { name: "Which device should give up its seat?" }).waitFor();
      await picture(page, "choose");
      await page.getByRole("button", { name: /chosen/ }).click();
      await page.getByRole("alert").filter({ hasText: "choose at least one" }).waitFor();
      await page.getByRole("checkbox", { name: /Safari 17 on iPhone/ }).check();
      await page.getByRole("button", { name: /chosen/ }).click();
      await seated(page);
      await putOut(phone);
      await seated(windows);
    },
    { LIMITS: TWO, ON_FULL: "choose" },
  );
});

test("where the seats are kept, the newcomer is told who has them", async () => {
  await withPeople(
    async ({ person }) => {
      const holder = await (await person({ userAgent: PHONE })).signIn();
      const page = await (await person()).openTab();
      await submitLogin(page, "user1");
      await page.getByRole("alert").filter({ hasText: "(Safari 17 on iPhone). Sign out there first." }).waitFor();
      assert.equal(await page.getByRole("checkbox").count(), 0, "no choice is offered that the server would refuse");
      await seated(holder);
    },
    { ON_FULL: "deny_new" },
  );
});
