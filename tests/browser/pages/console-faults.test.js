/** What the console shows when things are away: the store, the stream, the node. It says so, and comes back by itself. */

import { test } from "node:test";

import { createSession, openConsole, rowOf } from "../support/console.js";
import { picture, withPeopleAndTwoNodes } from "../support/people.js";

test("a stream that is cut is told, comes back on another node, and no event is missed", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const page = await openConsole(await person(), "/sessions");
    await rowOf(page, "admin").waitFor();
    const [first, second] = node.nodes;
    await first.stop("SIGKILL");
    await createSession(second.url, "meanwhile");
    await page.getByRole("status").filter({ hasText: "Reconnecting" }).waitFor();
    await rowOf(page, "meanwhile").waitFor();
    await page.getByRole("status").filter({ hasText: "Reconnecting" }).waitFor({ state: "hidden" });
    await createSession(second.url, "afterwards");
    await rowOf(page, "afterwards").waitFor();
  });
});

test("a store that is away is said to be away, and asked again on request", async () => {
  await withPeopleAndTwoNodes(async ({ node, person }) => {
    const page = await openConsole(await person(), "/sessions");
    await rowOf(page, "admin").waitFor();
    node.holdStore(true);
    await page.getByRole("searchbox").fill("ad");
    await page.getByRole("alert").filter({ hasText: "The store is away" }).waitFor();
    await picture(page, "console-store-away");
    node.holdStore(false);
    await page.getByRole("button", { name: "Try again" }).click();
    await rowOf(page, "admin").waitFor();
  });
});
