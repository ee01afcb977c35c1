// A login, a takeover and the way out, seen by npm's `ws` and Node's fetch. HOTSEAT_URL is a demo node.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { before, test } from "node:test";
import WebSocket from "ws";

const url = process.env.HOTSEAT_URL;
const patience = 10_000;

/** @returns {Promise<{status: number, body: any}>} */
async function call(method, path, { bearer, body } = {}) {
  const headers = { "user-agent": "foreign-node/1.0" };
  if (bearer) headers.authorization = `Bearer ${bearer}`;
  if (body) headers["content-type"] = "application/json";
  const response = await fetch(url + path, {
    method,
    headers,
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(patience),
  });
  const text = await response.text();
  return { status: response.status, body: text ? JSON.parse(text) : null };
}

const signIn = (user, device = {}) =>
  call("POST", "/api/sessions", { bearer: "demo-key", body: { user_id: user, device } });

/** Opens a socket and keeps everything that it says; `next` waits for the next of it. */
function connect(token, { how = "header" } = {}) {
  const protocols = how === "subprotocol" ? ["hotseat.v1", `bearer.${token}`] : ["hotseat.v1"];
  const headers = how === "header" ? { authorization: `Bearer ${token}` } : {};
  const socket = new WebSocket(url.replace("http", "ws") + "/ws", protocols, { headers });
  const heard = [];
  let wake = () => {};
  const hear = (what) => { heard.push(what); wake(); };
  socket.on("open", () => how === "message" && socket.send(JSON.stringify({ type: "auth", token })));
  socket.on("message", (data) => hear(JSON.parse(String(data))));
  socket.on("close", (code) => hear({ close: code }));
  socket.on("error", (error) => hear({ error: String(error) }));
  const next = async () => {
    const deadline = AbortSignal.timeout(patience);
    while (heard.length === 0) {
      await new Promise((resolve, reject) => {
        wake = resolve;
        deadline.onabort = () => reject(new Error("the socket said nothing in time"));
      });
    }
    return heard.shift();
  };
  return { socket, next };
}

before(async () => {
  const deadline = Date.now() + patience;
  const isReady = () => fetch(url + "/readyz").then((response) => response.ok, () => false);
  while (!(await isReady())) {
    assert.ok(Date.now() < deadline, "the node did not become ready");
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
});

test("a newer password login puts the older device out and says by whom", async () => {
  const password = (name) => call("POST", "/api/auth/login", {
    body: { username: "user1", password: "password1", device: { name }, return_token: true },
  });
  const first = await password("Old laptop");
  assert.equal(first.status, 200);
  const { next } = connect(first.body.token);
  const welcome = await next();
  assert.equal(welcome.type, "welcome");
  assert.equal(welcome.session.id, first.body.session.id);

  const second = await password("New phone");
  const told = await next();
  assert.equal(told.type, "force_logout");
  assert.equal(told.reason, "takeover");
  assert.equal(told.reconnect, false);
  assert.equal(told.by.session_id, second.body.session.id);
  assert.equal(told.by.device.name, "New phone");
  assert.deepEqual(await next(), { close: 4409 });

  const again = await call("GET", "/api/auth/session", { bearer: first.body.token });
  assert.equal(again.status, 401);
  assert.match(again.body.type, /session-ended$/);
  assert.deepEqual([again.body.reason, again.body.at, again.body.by], [told.reason, told.at, told.by]);
});

test("the token may come as a subprotocol or as the first message", async () => {
  for (const how of ["subprotocol", "message"]) {
    const { body } = await signIn(randomUUID());
    const { socket, next } = connect(body.token, { how });
    assert.equal((await next()).session.id, body.session.id, how);
    assert.equal(socket.protocol, "hotseat.v1");
    socket.close();
    assert.equal(typeof (await next()).close, "number");
  }
});

test("the same device replaces its own session", async () => {
  const user = randomUUID();
  const { body } = await signIn(user, { id: "laptop-7" });
  const { next } = connect(body.token);
  await next();
  await signIn(user, { id: "laptop-7" });
  assert.equal((await next()).reason, "replaced");
  assert.deepEqual(await next(), { close: 4412 });
});

test("a session that an API key ends is kicked", async () => {
  const { body } = await signIn(randomUUID());
  const { next } = connect(body.token);
  await next();
  await call("DELETE", `/api/sessions/${body.session.id}`, { bearer: "demo-key" });
  assert.equal((await next()).reason, "kicked");
  assert.deepEqual(await next(), { close: 4403 });
});
