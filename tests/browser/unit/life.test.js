/** Signs of life in both directions: the client's own ping, and a person's activity. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Page } from "../../../web/sdk/page.js";
import { openLiveTab } from "../support/hotseats.js";
import { settle, World } from "../support/world.js";

/** Node cannot make a trusted event; a listener only sees the property. */
function trusted(type) {
  return Object.defineProperty(new Event(type), "isTrusted", { value: true });
}

test("a silence of one and a half heartbeats is broken by a ping, and a pong is enough", async () => {
  const world = new World();
  const { hotseat } = await openLiveTab(world);
  await world.pass(44_999);
  assert.deepEqual(world.socket.sent, []);
  await world.pass(1);
  assert.deepEqual(world.socket.sent, ["ping"]);
  world.socket.says("pong");
  await world.pass(44_999);
  assert.equal(hotseat.state, "live");
  assert.deepEqual(world.socket.sent, ["ping"]);
});

test("no pong within 10 seconds is a lost connection", async () => {
  const world = new World();
  const { hotseat } = await openLiveTab(world);
  await world.pass(54_999);
  assert.equal(hotseat.state, "live");
  await world.pass(1);
  assert.equal(hotseat.state, "waiting");
  assert.equal(world.openSockets.length, 0);
});

test("a page that comes to the front asks at once, and once", async () => {
  const world = new World();
  const { platform } = await openLiveTab(world);
  platform.document.dispatchEvent(new Event("visibilitychange"));
  platform.window.dispatchEvent(new Event("online"));
  assert.deepEqual(world.socket.sent, ["ping"]);
});

test("a browser that says it is offline is not believed until the server fails to answer", async () => {
  const world = new World();
  const { platform, hotseat } = await openLiveTab(world);
  platform.window.dispatchEvent(new Event("offline"));
  assert.deepEqual(world.socket.sent, ["ping"]);
  world.socket.says("pong");
  await world.pass(10_000);
  assert.equal(hotseat.state, "live");
});

test("a page that goes to the back asks nothing", async () => {
  const world = new World();
  const { platform } = await openLiveTab(world);
  platform.document.visibilityState = "hidden";
  platform.document.dispatchEvent(new Event("visibilitychange"));
  assert.deepEqual(world.socket.sent, []);
});

test("activity is told at most once a minute, from all tabs together", async () => {
  const world = new World();
  const first = await openLiveTab(world);
  const second = await openLiveTab(world);
  for (const { platform } of [first, second, second, first]) platform.document.dispatchEvent(trusted("keydown"));
  await settle();
  assert.deepEqual(world.socket.sent, ['{"type":"activity"}']);
  world.nowMs += 60_000;
  second.platform.document.dispatchEvent(trusted("pointerdown"));
  await settle();
  assert.equal(world.socket.sent.length, 2);
});

test("input that a script made up is no activity", () => {
  const platform = new World().tab();
  let count = 0;
  new Page(platform, (what) => (count += what === "activity" ? 1 : 0)).watch();
  platform.document.dispatchEvent(new Event("keydown"));
  assert.equal(count, 0);
  platform.document.dispatchEvent(trusted("keydown"));
  assert.equal(count, 1);
});

test("a message that is none, or of a type from the future, is passed over", async () => {
  const world = new World();
  const { hotseat } = await openLiveTab(world);
  for (const text of ["", "{", "[]", '{"type":7}', '{"type":"confetti"}']) world.socket.says(text);
  assert.equal(hotseat.state, "live");
});
