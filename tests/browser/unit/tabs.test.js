/** One socket a browser, whatever its tabs do. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { openLiveTab, openTab } from "../support/hotseats.js";
import { forceLogout, SESSION, settle, welcome, World } from "../support/world.js";

test("a second tab shares the socket, and is told where things stand", async () => {
  const world = new World();
  const first = await openLiveTab(world);
  const second = openTab(world);
  second.hotseat.connect();
  await settle();
  assert.equal(world.sockets.length, 1);
  assert.deepEqual([first.hotseat.leads, second.hotseat.leads], [true, false]);
  assert.deepEqual(second.told, ["connecting", "live", `welcome:${SESSION.id}`]);
  assert.deepEqual(first.told, []);
});

test("every tab is put out, and told why and by whom", async () => {
  const world = new World();
  const first = await openLiveTab(world);
  const second = await openLiveTab(world);
  const by = { session_id: "new", device: { id: "d2", name: "Firefox on Windows", class: "desktop" }, ip: null };
  world.socket.says(forceLogout("takeover", by));
  await settle();
  for (const { hotseat, told } of [first, second]) {
    assert.deepEqual(told, ["ended", "forceLogout:takeover"]);
    assert.equal(hotseat.session, null);
    assert.equal(hotseat.username, "user1");
  }
});

test("notices reach every tab", async () => {
  const world = new World();
  const tabs = [await openLiveTab(world), await openLiveTab(world)];
  world.socket.says({ type: "notice", level: "info", text: "Tea" });
  await settle();
  for (const { told } of tabs) assert.deepEqual(told, ["notice:Tea"]);
});

test("every tab is told that the node restarts, while the line is still live", async () => {
  const world = new World();
  const tabs = [await openLiveTab(world), await openLiveTab(world)];
  world.socket.says({ type: "restarting", retry_after_ms: 700 });
  await settle();
  for (const { hotseat, told } of tabs) {
    assert.deepEqual(told, ["restarting:700"]);
    assert.equal(hotseat.state, "live");
  }
  world.socket.closes(1012);
  await settle();
  for (const { told } of tabs) assert.deepEqual(told, ["restarting:700", "waiting"]);
});

test("the next tab takes the line over when the leader goes, and the last one standing keeps it", async () => {
  const world = new World();
  const [first, second, third] = [await openLiveTab(world), await openLiveTab(world), await openLiveTab(world)];
  for (const [leaving, heir] of [[first, second], [second, third]]) {
    leaving.hotseat.close();
    await settle();
    assert.ok(heir.hotseat.leads);
    assert.equal(world.openSockets.length, 1);
    world.socket.says(welcome());
    assert.equal(heir.hotseat.state, "live");
  }
  assert.equal(first.hotseat.state, "idle");
});


test("a follower that closes leaves the leader alone", async () => {
  const world = new World();
  const first = await openLiveTab(world);
  const second = await openLiveTab(world);
  second.hotseat.close();
  await settle();
  assert.equal(first.hotseat.state, "live");
  assert.equal(world.sockets.length, 1);
});

test("an heir of ended tabs does not connect", async () => {
  const world = new World();
  const first = await openLiveTab(world);
  const second = await openLiveTab(world);
  world.socket.says(forceLogout("kicked"));
  await settle();
  first.hotseat.close();
  await world.pass(3_600_000);
  assert.ok(second.hotseat.leads);
  assert.equal(second.hotseat.state, "ended");
  assert.equal(world.sockets.length, 1);
});

test("a login in one tab connects all of them anew, on one socket", async () => {
  const world = new World();
  const first = await openLiveTab(world);
  const second = await openLiveTab(world);
  const later = { ...SESSION, id: "later" };
  world.answer = () => ({ status: 200, body: { session: later, replaced: [], takeover: "none" } });
  await second.hotseat.login("user1", "password1");
  await settle();
  assert.equal(world.sockets.length, 2);
  assert.equal(world.openSockets.length, 1);
  world.socket.says(welcome(later));
  await settle();
  assert.equal(first.hotseat.session.id, "later");
  assert.equal(second.hotseat.session.id, "later");
});

test("the late goodbye of the socket before a login puts nobody out", async () => {
  const world = new World();
  const { hotseat } = await openLiveTab(world);
  const old = world.socket;
  world.answer = () => ({ status: 200, body: { session: SESSION, replaced: [], takeover: "none" } });
  await hotseat.login("user1", "password1");
  old.says(forceLogout("replaced"));
  old.closes(4412);
  world.socket.says(welcome());
  assert.equal(hotseat.state, "live");
});

test("a tab that rests at the login form comes alive when another logs in", async () => {
  const world = new World();
  const resting = openTab(world);
  assert.equal(await resting.hotseat.resume(), null);
  const other = openTab(world);
  world.answer = () => ({ status: 200, body: { session: SESSION, replaced: [], takeover: "none" } });
  await other.hotseat.login("user1", "password1");
  await settle();
  world.socket.says(welcome());
  await settle();
  assert.deepEqual([resting.hotseat.state, other.hotseat.state], ["live", "live"]);
  assert.equal(world.sockets.length, 1);
});

test("without Web Locks or BroadcastChannel each tab has its own socket", async () => {
  const world = new World();
  await openLiveTab(world, { shared: false });
  await openLiveTab(world, { shared: false });
  assert.equal(world.openSockets.length, 2);
});

test("a browser that refuses locks leaves each tab its own socket", async () => {
  const world = new World();
  const { hotseat, platform } = openTab(world);
  platform.locks.request = () => Promise.reject(new DOMException("no", "SecurityError"));
  hotseat.connect();
  await settle();
  assert.ok(hotseat.leads);
  assert.equal(world.sockets.length, 1);
});

test("tabs of different servers do not share", async () => {
  const world = new World();
  await openLiveTab(world);
  await openLiveTab(world, { url: "https://other.example/hotseat" });
  assert.deepEqual(world.openSockets.map(({ url }) => url), ["wss://seat.example/ws", "wss://other.example/hotseat/ws"]);
});

test("a tab with a token of its own sends it as a subprotocol and shares nothing", async () => {
  const world = new World();
  await openLiveTab(world, { token: "hs1.abc" });
  await openLiveTab(world, { token: () => "hs1.def" });
  assert.deepEqual(world.openSockets.map(({ protocols }) => protocols[1]), ["bearer.hs1.abc", "bearer.hs1.def"]);
  assert.ok(world.openSockets.every(({ url }) => url === "wss://seat.example/ws"));
});
