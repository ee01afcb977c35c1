/** The HTTP side: what is sent, how refusals arrive, and coming back to a session that ended meanwhile. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { HotseatError } from "../../../web/sdk/hotseat.js";
import { openLiveTab, openTab } from "../support/hotseats.js";
import { forceLogout, SESSION, settle, welcome, World } from "../support/world.js";

const BY = { session_id: "new", device: { id: "d2", name: "Firefox on Windows", class: "desktop" }, ip: "10.0.0.x" };

function answering(status, body, headers) {
  const world = new World();
  world.answer = () => ({ status, body, headers });
  return world;
}

test("a login sends what was asked for, with cookies", async () => {
  const world = answering(200, { session: SESSION, replaced: [], takeover: "none" });
  const { hotseat } = openTab(world);
  await hotseat.login("user1", "password1", { replace: ["a"], confirm: true });
  const [{ url, init }] = world.requests;
  assert.equal(url, "https://seat.example/api/auth/login");
  assert.equal(init.credentials, "include");
  assert.deepEqual(JSON.parse(init.body), { username: "user1", password: "password1", replace: ["a"], confirm: true });
});

test("a refusal is a HotseatError by the last word of its type", async () => {
  const body = { type: "https://hotseat.dev/problems/seats-full", status: 409, title: "t", detail: "d", sessions: [SESSION], on_full: "choose" };
  const { hotseat } = openTab(answering(409, body));
  await assert.rejects(hotseat.login("user1", "password1"), (error) => {
    assert.ok(error instanceof HotseatError);
    assert.deepEqual([error.type, error.status, error.message], ["seats-full", 409, "d"]);
    assert.deepEqual([error.sessions, error.onFull], [[SESSION], "choose"]);
    return true;
  });
  assert.equal(hotseat.state, "idle");
});

test("a rate limit says when to try again", async () => {
  const { hotseat } = openTab(answering(429, { type: "/problems/rate-limited" }, { "Retry-After": "27" }));
  await assert.rejects(hotseat.login("user1", "x"), { type: "rate-limited", retryAfterS: 27 });
});

test("an answer that is no problem document is unexpected, and none at all is network", async () => {
  const { hotseat, platform } = openTab(answering(502, undefined));
  await assert.rejects(hotseat.sessions(), { type: "unexpected", status: 502 });
  platform.fetch = () => Promise.reject(new TypeError("Failed to fetch"));
  await assert.rejects(hotseat.sessions(), { type: "network", status: 0 });
});

test("an id goes into the path as one segment", async () => {
  const world = answering(204);
  await openTab(world).hotseat.end("a/../b");
  assert.equal(world.requests[0].url, "https://seat.example/api/auth/sessions/a%2F..%2Fb");
});

test("whoever was put out while away is told so on return", async () => {
  const world = answering(401, { type: "/problems/session-ended", reason: "takeover", at: "2026-11-21T08:00:00.000Z", by: BY });
  const { hotseat, told } = openTab(world);
  assert.equal(await hotseat.resume(), null);
  await settle();
  assert.deepEqual(told, ["ended", "forceLogout:takeover"]);
  assert.deepEqual(world.sockets, []);
  assert.equal(hotseat.state, "ended");
});

test("a tab that learnt of the end shows it, whatever tabs that only rest say", async () => {
  const world = new World();
  await openTab(world).hotseat.resume();
  world.answer = () => ({ status: 401, body: { type: "/problems/session-ended", reason: "kicked" } });
  const { hotseat } = openTab(world);
  await hotseat.resume();
  await settle();
  assert.equal(hotseat.state, "ended");
});

test("a browser that is signed in resumes with one socket", async () => {
  const world = answering(200, SESSION);
  const { hotseat } = openTab(world);
  assert.deepEqual(await hotseat.resume(), SESSION);
  await settle();
  world.socket.says(welcome());
  assert.equal(hotseat.state, "live");
});

test("a server that cannot be asked is not taken for being signed out", async () => {
  const { hotseat } = openTab(answering(503, { type: "/problems/store-unavailable" }, { "Retry-After": "2" }));
  await assert.rejects(hotseat.resume(), { type: "store-unavailable", retryAfterS: 2 });
});

test("whoever logs out is not put out: all tabs are idle, whichever word comes first", async () => {
  for (const wordFirst of [true, false]) {
    const world = new World();
    const first = await openLiveTab(world);
    const second = await openLiveTab(world);
    const { socket } = world;
    const word = () => socket.says(forceLogout("logout", { ...BY, session_id: SESSION.id }));
    world.answer = () => {
      if (wordFirst) word();
      return { status: 204 };
    };
    await second.hotseat.logout();
    word();
    await settle();
    for (const { told } of [first, second]) assert.deepEqual(told, ["idle"]);
    assert.equal(world.openSockets.length, 0);
  }
});

test("being logged out by another device is being put out", async () => {
  const world = new World();
  const { told } = await openLiveTab(world);
  world.socket.says(forceLogout("logout", BY));
  assert.deepEqual(told, ["ended", "forceLogout:logout"]);
});

test("use here asks for the password, and then takes the seat back under the same name", async () => {
  const world = new World();
  const { hotseat } = await openLiveTab(world);
  world.socket.says(forceLogout("takeover", BY));
  assert.equal(await hotseat.useHere(), false);
  world.answer = () => ({ status: 200, body: { session: SESSION, replaced: [], takeover: "sent" } });
  assert.equal(await hotseat.useHere({ password: "password1" }), true);
  assert.deepEqual(JSON.parse(world.requests.at(-1).init.body), { username: "user1", password: "password1" });
  world.socket.says(welcome());
  assert.equal(hotseat.state, "live");
});

test("use here goes through the app's own login where there is one", async () => {
  const world = new World();
  const { hotseat } = await openLiveTab(world, { login: async () => "hs1.fresh" });
  world.socket.says(forceLogout("takeover", BY));
  world.answer = () => ({ status: 204 });
  assert.equal(await hotseat.useHere(), true);
  const { url, init } = world.requests.at(-2);
  assert.deepEqual([url, init.headers.Authorization], ["https://seat.example/api/auth/adopt", "Bearer hs1.fresh"]);
  assert.equal(hotseat.state, "connecting");
});

test("a browser that does not keep the cookie of an adopted token says so", async () => {
  const world = new World();
  const { hotseat } = await openLiveTab(world);
  const none = { status: 401, body: { type: "/problems/credentials-required" } };
  world.answer = (path) => (path.endsWith("/adopt") ? { status: 204 } : none);
  await assert.rejects(hotseat.adopt("hs1.fresh"), { name: "HotseatError", type: "cookie-refused" });
});
