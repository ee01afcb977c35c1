/** The page for everybody: keyboard, screen reader, phone, dark, still. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { assertAccessible, picture, putOut, seated, submitLogin, withPeople } from "../support/people.js";

test("the keyboard alone signs in, gets put out, and takes the seat back", async () => {
  await withPeople(async ({ person }) => {
    const page = await (await person()).openTab();
    await page.getByLabel("User name").waitFor();
    const { keyboard } = page;
    for (const text of ["user1", "password1"]) {
      await keyboard.press("Tab");
      await keyboard.type(text);
    }
    await keyboard.press("Tab");
    await keyboard.press("Enter");
    await seated(page);
    assert.equal(await focused(page), "You have the seat");
    await (await person()).signIn();
    await putOut(page);
    assert.equal(await focused(page), "Your seat was taken");
    await keyboard.press("Tab");
    assert.equal(await focused(page), "Use here");
    await keyboard.press("Enter");
    await page.getByLabel("Password").waitFor();
    await keyboard.type("password1");
    await keyboard.press("Enter");
    await seated(page);
  });
});

test("a put-out is read out, with device and reason, whatever has the focus", async () => {
  await withPeople(async ({ person }) => {
    const page = await (await person()).signIn();
    await (await person()).signIn();
    await putOut(page);
    assert.match(await page.locator("#announcer[role=alert]").innerText(), /^Your seat was taken\. user1 signed in with \S+/);
  });
});

for (const colorScheme of ["light", "dark"]) {
  test(`every view keeps the rules of accessibility, ${colorScheme}`, async () => {
    await withPeople(async ({ person }) => {
      const page = await (await person({ colorScheme })).openTab();
      await page.getByLabel("User name").waitFor();
      await look(page, `login-${colorScheme}`);
      await submitLogin(page, "user1", "wrong");
      await page.getByRole("alert").filter({ hasText: "do not match" }).waitFor();
      await look(page, `wrong-${colorScheme}`);
      await submitLogin(page, "user1");
      await seated(page);
      await look(page, `home-${colorScheme}`);
      await (await person()).signIn();
      await putOut(page);
      await look(page, `out-${colorScheme}`);
      await page.getByRole("button", { name: "Use here" }).click();
      await look(page, `use-here-${colorScheme}`);
    });
  });
}

async function look(page, name) {
  await assertAccessible(page, name);
  await picture(page, name);
}

test("on a phone nothing is cut off, and everything can be hit", async () => {
  await withPeople(async ({ person }) => {
    const page = await (await person({ viewport: { width: 320, height: 640 }, hasTouch: true, isMobile: true })).openTab();
    await page.getByLabel("User name").waitFor();
    await assertFits(page, "phone-login");
    await submitLogin(page, "user1");
    await seated(page);
    await assertFits(page, "phone-home");
    await (await person()).signIn();
    await putOut(page);
    await assertFits(page, "phone-out");
  });
});

async function assertFits(page, name) {
  await picture(page, name);
  const { wide, small } = await page.evaluate(() => ({
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    small: [...document.querySelectorAll("button, input")].filter((element) => element.checkVisibility() && element.getBoundingClientRect().height < 44).map(({ outerHTML }) => outerHTML),
  }));
  assert.deepEqual({ wide, small }, { wide: 0, small: [] }, name);
}

test("nothing moves for people who asked for stillness", async () => {
  await withPeople(async ({ person }) => {
    const page = await (await person({ reducedMotion: "reduce" })).signIn();
    await (await person()).signIn();
    await putOut(page);
    assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
  });
});

async function focused(page) {
  return page.evaluate(() => document.activeElement?.textContent);
}
