// Duplicate logins put out with Socket.IO and its Redis adapter, as teams build it: one node of two.
//
//   node server.js PORT REDIS_URL
//
// A login takes the user's seat in Redis, and whoever held it is told and disconnected through the adapter, on whichever
// node it hangs. A socket is let in by the session's key. It makes no check of an API key, keeps no reason for whoever
// was offline, and does not repair a message that the adapter lost.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const [port, redisUrl] = process.argv.slice(2);
const SESSION_TTL_S = 24 * 3600;
const MAX_BODY_BYTES = 16 * 1024;

const redis = createClient({ url: redisUrl });
const publisher = redis.duplicate();
const subscriber = redis.duplicate();
for (const client of [redis, publisher, subscriber]) client.on("error", (error) => console.error(error.message));
await Promise.all([redis.connect(), publisher.connect(), subscriber.connect()]);

const http = createServer(route);
const io = new Server(http, { adapter: createAdapter(publisher, subscriber) });

// As its page on memory has it: the first request of each connection is of no more use.
io.engine.on("connection", (connection) => {
  connection.request = null;
});

io.use(async (socket, next) => {
  const { token } = socket.handshake.auth;
  // A room for each session: a login addresses the older one and nobody else. Joined before the session is looked up:
  // a login in between either finds the room, or the session is gone.
  await socket.join(`session:${token}`);
  const user = await redis.get(`session:${token}`);
  if (user === null) return next(new Error("invalid-token"));
  socket.data.user = user;
  next();
});

io.on("connection", (socket) => {
  socket.emit("welcome", { user: socket.data.user });
});

async function login(userId) {
  const token = randomUUID();
  const [older] = await redis
    .multi()
    .set(`seat:${userId}`, token, { EX: SESSION_TTL_S, GET: true })
    .set(`session:${token}`, userId, { EX: SESSION_TTL_S })
    .exec();
  if (older !== null) {
    await redis.del(`session:${older}`);
    const room = io.to(`session:${older}`);
    room.emit("force_logout", { type: "force_logout", reason: "takeover" });
    room.disconnectSockets(true);
  }
  return { token, session: { id: token, user_id: userId } };
}

async function route(request, response) {
  if (request.url.startsWith("/socket.io/")) return;
  if (request.method !== "POST" || request.url !== "/api/sessions") return answer(response, 404, {});
  try {
    const { user_id: userId } = JSON.parse(await bodyOf(request));
    if (typeof userId !== "string") return answer(response, 422, {});
    answer(response, 201, await login(userId));
  } catch (error) {
    answer(response, error instanceof SyntaxError ? 400 : 503, {});
  }
}

async function bodyOf(request) {
  let body = "";
  for await (const chunk of request) {
    body += chunk;
    if (body.length > MAX_BODY_BYTES) throw new SyntaxError("too long");
  }
  return body;
}

function answer(response, status, value) {
  const body = JSON.stringify(value);
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}

http.listen(Number(port), "127.0.0.1");
