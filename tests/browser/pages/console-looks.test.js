/** Every page of the console, held against the rules of accessibility in light, dark and at phone width; with pictures. */

import { test } from "node:test";

import { callWithKey, createSession, openConsole, rowOf } from "../support/console.js";
import { assertAccessible, picture, withPeopleAndTwoNodes } from "../support/people.js";
import { until } from "../support/until.js";

const LOOKS = {
  light: { colorScheme: "light", viewport: { width: 1280, height: 860 } },
  dark: { colorScheme: "dark", viewport: { width: 1280, height: 860 } },
  phone: { colorScheme: "light", viewport: { width: 390, height: 844 }, hasTouch: true },
};
const PAGES = [
  ["overview", "", async (page) => rowOf(page, "anna").first().waitFor()],
  ["sessions", "/sessions", async (page) => rowOf(page, "anna").waitFor()],
  ["user", "/users/anna", async (page) => page.getByRole("heading", { name: /^Devices/ }).waitFor()],
  ["audit", "/audit", async (page) => rowOf(page, "anna").first().waitFor()],
  ["contested", "/contested", async (page) => rowOf(page, "anna").waitFor()],
  ["disabled", "/disabled", async (page) => rowOf(page, "mallory").waitFor()],
  ["search", "/sessions?q=mallory", async (page) => page.getByText("Open the page of mallory").waitFor()],
  ["nodes", "/nodes", async (page) => page.getByText("Well").first().waitFor()],
  ["store", "/store", async (page) => page.getByRole("region", { name: "Bounds" }).waitFor()],
  ["jobs", "/jobs", async (page) => page.getByRole("article").waitFor()],
];

for (const [look, options] of Object.entries(LOOKS)) {
  test(`every page is accessible: ${look}`, async () => {
    await withPeopleAndTwoNodes(async ({ node, person }) => {
      await fill(node);
      const someone = await person(options);
      const page = await openConsole(someone, "/sessions");
      for (const [name, path, shown] of PAGES) {
        await page.goto(`${node.url}/admin${path}`);
        await shown(page);
        await until("nothing is loading", async () => (await page.getByRole("status", { name: "Loading" }).count()) === 0);
        await picture(page, `console-${name}-${look}`);
        await assertAccessible(page, name);
        await assertFits(page, name, options.viewport);
      }
      await page.getByRole("article").waitFor();
      await page.goto(`${node.url}/admin/users/anna`);
      await page.getByRole("button", { name: "Disable user" }).click();
      await picture(page, `console-dialog-${look}`);
      await assertAccessible(page, "dialog");
    });
  });
}

test("the theme that was chosen stays", async () => {
  await withPeopleAndTwoNodes(async ({ person }) => {
    const page = await openConsole(await person({ colorScheme: "light" }));
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    await page.getByRole("button", { name: "Theme of the system" }).click();
    await page.getByRole("button", { name: "Light theme" }).click();
    await until("it is dark", async () => (await ground()) !== light);
    await page.reload();
    await page.getByRole("button", { name: "Dark theme" }).waitFor();
    await until("it is still dark", async () => (await ground()) !== light);
  });
});

/** Nothing is cut off at the edge, as wide as the look is and at whatever width its rules change. */
async function assertFits(page, name, viewport) {
  const widths = viewport.width < 500 ? [320, viewport.width] : [700, 950, 970, 1024, 1210, 1224, 1410, 1620, viewport.width];
  for (const width of widths) {
    await page.setViewportSize({ ...viewport, width });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (overflow > 0) throw new Error(`${name} is ${overflow} px wider than a screen of ${width}`);
    // What stands out on the left widens nothing.
    const cut = await page.locator("main").evaluate((main) => {
      const isCut = (/** @type {Element} */ control) => control.checkVisibility() && control.getBoundingClientRect().left < 0;
      return [...main.querySelectorAll("a, button, input, select")].filter(isCut).map(({ outerHTML }) => outerHTML);
    });
    if (cut.length > 0) throw new Error(`${name} has controls beyond the left edge at ${width}: ${cut}`);
  }
}

/** Something on every page. */
async function fill({ nodes: [here, there] }) {
  const seats = [["Safari on iPhone", "mobile", "203.0.113.7"], ["Firefox on Windows", "desktop", "198.51.100.23"], ["Safari on iPad", "tablet", "2001:0db8:85a3:1234:5678:8a2e:0370:7334"]];
  for (const [name, device, ip] of seats) await createSession(there.url, "anna", { device: { name, class: device }, ip });
  await createSession(here.url, "bernadette.kowalski@example.com", { device: { name: "Living room", class: "tv" } });
  await createSession(here.url, "guest", { device: { class: "console" }, roles: ["guest"] });
  await callWithKey(there.url, "DELETE", "/api/admin/users/guest/sessions", { note: "Ticket 4711: asked by phone" });
  for (const user of ["mallory", "somebody.with.a.long.name@accounts.example.com"]) await callWithKey(there.url, "PUT", `/api/admin/users/${user}/disabled`, { note: "Chargeback" });
  await callWithKey(there.url, "POST", "/api/admin/jobs", { kind: "end-sessions", role: "guest", note: "Keys rotate" });
}
