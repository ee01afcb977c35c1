"""Duplicate logins put out with FastAPI, WebSocket and Redis Pub/Sub, as teams build it: one node of two.

    python server.py PORT REDIS_URL

Sessions are UUIDs with a lifetime in Redis; a login takes the user's seat and publishes to whoever held it; each node
listens to all users' channels and closes the socket that it has. Heartbeats every 120 s. It makes no check of an API
key, keeps no reason for whoever was offline, does not repair a lost message, and has no sweep: its keys expire.
"""

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import redis.asyncio as redis
import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from pydantic import BaseModel

SESSION_TTL_S = 24 * 3600
HEARTBEAT_S = 120
TAKEN_OVER = 4409
INVALID_TOKEN = 4401

sockets: dict[str, WebSocket] = {}
store: redis.Redis


class Login(BaseModel):
    user_id: str


async def put_out(pubsub: redis.client.PubSub) -> None:
    """Each message names a session that lost its seat. One slow client must not hold up the others."""
    closing: set[asyncio.Task] = set()
    async for message in pubsub.listen():
        if message["type"] == "pmessage" and (socket := sockets.pop(message["data"], None)):
            task = asyncio.create_task(force_logout(socket))
            closing.add(task)
            task.add_done_callback(closing.discard)


async def force_logout(socket: WebSocket) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):
        await socket.send_json({"type": "force_logout", "reason": "takeover", "reconnect": False})
        await socket.close(TAKEN_OVER)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    global store
    store = redis.from_url(sys.argv[2], decode_responses=True)
    pubsub = store.pubsub()
    await pubsub.psubscribe("user:*")
    listener = asyncio.create_task(put_out(pubsub))
    yield
    listener.cancel()
    await pubsub.aclose()
    await store.aclose()


app = FastAPI(lifespan=lifespan)


@app.post("/api/sessions", status_code=201)
async def login(login: Login) -> dict:
    session = str(uuid.uuid4())
    async with store.pipeline(transaction=True) as step:
        step.set(f"seat:{login.user_id}", session, ex=SESSION_TTL_S, get=True)
        step.set(f"session:{session}", json.dumps({"user_id": login.user_id}), ex=SESSION_TTL_S)
        older, _ = await step.execute()
    if older:
        async with store.pipeline(transaction=False) as step:
            step.delete(f"session:{older}")
            step.publish(f"user:{login.user_id}", older)
            await step.execute()
    return {"token": session, "session": {"id": session, "user_id": login.user_id}}


@app.websocket("/ws")
async def connect(socket: WebSocket) -> None:
    token = socket.headers.get("authorization", "").removeprefix("Bearer ")
    await socket.accept()
    # In the map before it is looked up: a login in between either finds the socket, or the session is gone.
    sockets[token] = socket
    try:
        if not await store.exists(f"session:{token}"):
            await socket.close(INVALID_TOKEN)
            return
        await socket.send_json({"type": "welcome"})
        while True:
            await socket.receive_text()
    except (WebSocketDisconnect, RuntimeError):
        pass
    finally:
        sockets.pop(token, None)


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        ws_ping_interval=HEARTBEAT_S,
        ws_ping_timeout=HEARTBEAT_S,
        access_log=False,
        log_level="warning",
    )
