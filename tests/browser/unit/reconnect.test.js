/** When the SDK connects again, and when it never does: the table of close codes in `docs/protocol.md`. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Patience } from "../../../web/sdk/patience.js";
import { openLiveTab, openTab } from "../support/hotseats.js";
import { forceLogout, settle, welcome, World } from "../support/world.js";

const HOUR_MS = 3_600_000;

for (const code of [4409, 4403, 4410, 4440, 4401, 1008, 1009]) {
  test(`a connection closed with ${code} never comes back`, async () => {
    const world = new World();
    const { hotseat } = await openLiveTab(world);
    world.socket.closes(code);
    await world.pass(HOUR_MS);
    assert.equal(world.sockets.length, 1);
    assert.equal(hotseat.state, "ended");
    assert.equal(world.pendingTimers, 0);
  });
}

for (const code of [1012, 1013, 4408, 1006, 1001, 1011]) {
  test(`a connection closed with ${code} comes back within the first bound of the backoff`, async () => {
    const world = new World();
    const { hotseat } = await openLiveTab(world);
    world.socket.closes(code);
    assert.equal(hotseat.state, "waiting");
    await world.pass(1_000);
    assert.equal(world.sockets.length, 2);
    world.socket.says(welcome());
    assert.equal(hotseat.state, "live");
  });
}

test("the backoff is anything between nothing and a bound that doubles up to half a minute", () => {
  const waits = (chance) => {
    const patience = new Patience({ now: () => 0, random: () => chance });
    return Array.from({ length: 8 }, () => patience.after(1006).delayMs);
  };
  assert.deepEqual(waits(1), [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  assert.deepEqual(waits(0), Array(8).fill(0));
});

test("attempts that fail wait longer each time, and a welcome forgets them", async () => {
  const world = new World();
  await openLiveTab(world);
  const waits = [];
  for (let attempt = 0; attempt < 4; attempt += 1) {
    const at = world.nowMs;
    world.socket.closes(1006);
    const count = world.sockets.length;
    while (world.sockets.length === count) await world.pass(250);
    waits.push(world.nowMs - at);
  }
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000]);
  world.socket.says(welcome());
  world.socket.closes(1006);
  await world.pass(500);
  assert.equal(world.sockets.length, 6);
});

test("a replaced session tries the current cookie once, and then is over", async () => {
  const world = new World();
  const { hotseat, told } = await openLiveTab(world);
  world.socket.says(forceLogout("replaced"));
  assert.equal(hotseat.state, "waiting");
  assert.ok(!told.includes("forceLogout:replaced"));
  await world.pass(1_500);
  assert.equal(world.sockets.length, 2);
  world.socket.says(forceLogout("replaced"));
  await world.pass(HOUR_MS);
  assert.equal(world.sockets.length, 2);
  assert.ok(told.includes("forceLogout:replaced"));
});

test("a replaced session that is welcomed with the current cookie goes on as if nothing was", async () => {
  const world = new World();
  const { hotseat, told } = await openLiveTab(world);
  world.socket.closes(4412);
  await world.pass(1_500);
  world.socket.says(welcome());
  assert.equal(hotseat.state, "live");
  assert.ok(!told.some((word) => word.startsWith("forceLogout")));
});

test("too many connections means later, and nothing hurries that", async () => {
  const world = new World();
  const { platform } = await openLiveTab(world);
  world.socket.closes(4429);
  platform.window.dispatchEvent(new Event("online"));
  await world.pass(29_000);
  assert.equal(world.sockets.length, 1);
  await world.pass(31_000);
  assert.equal(world.sockets.length, 2);
});

test("a restarting node is given the time that it asked for, and no more than twice that", async () => {
  const world = new World();
  const { platform } = await openLiveTab(world);
  world.socket.says({ type: "restarting", retry_after_ms: 8_000 });
  world.socket.closes(1012);
  platform.window.dispatchEvent(new Event("online"));
  await world.pass(8_000);
  assert.equal(world.sockets.length, 1);
  await world.pass(8_000 + 1_000);
  assert.equal(world.sockets.length, 2);
});

for (const [event, target] of [["online", "window"], ["pageshow", "window"], ["visibilitychange", "document"]]) {
  test(`${event} ends a long wait, with jitter`, async () => {
    const world = new World();
    const { platform, hotseat } = await openLiveTab(world);
    for (let loss = 0; loss < 5; loss += 1) {
      world.socket.closes(1006);
      if (loss < 4) await world.pass(30_000);
    }
    const count = world.sockets.length;
    platform[target].dispatchEvent(new Event(event));
    await world.pass(400);
    assert.equal(world.sockets.length, count);
    await world.pass(600);
    assert.equal(world.sockets.length, count + 1);
    assert.equal(hotseat.state, "connecting");
  });
}

test("a server that never says welcome is given up after 15 seconds and tried again", async () => {
  const world = new World();
  openTab(world).hotseat.connect();
  await world.pass(14_999);
  assert.equal(world.sockets.length, 1);
  await world.pass(1_000);
  assert.equal(world.sockets.length, 2);
  assert.equal(world.openSockets.length, 1);
});

test("without a cookie the server waits in vain: the tab rests until somebody logs in", async () => {
  const world = new World();
  const { hotseat } = openTab(world);
  hotseat.connect();
  await settle();
  world.socket.closes(4408);
  await world.pass(HOUR_MS);
  assert.equal(hotseat.state, "idle");
  assert.equal(world.sockets.length, 1);
});

test("an API that cannot be asked does not make a tab give up", async () => {
  const world = new World();
  const { hotseat } = openTab(world);
  hotseat.connect();
  await settle();
  world.answer = () => ({ status: 503, body: { type: "/problems/store-unavailable" } });
  world.socket.closes(4408);
  await world.pass(1_000);
  assert.equal(hotseat.state, "connecting");
});
