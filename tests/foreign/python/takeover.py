"""A login, a takeover and the way out, seen by PyPI's `websockets` and `httpx`. HOTSEAT_URL is a demo node."""

import asyncio
import json
import os
import sys
import time
import unittest
import uuid

import httpx
import websockets

URL = os.environ["HOTSEAT_URL"]
PATIENCE = 10.0
KEY = {"authorization": "Bearer demo-key"}


def wait_until_ready() -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{URL}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.025)
    raise TimeoutError("the node did not become ready")


def connect(token: str) -> websockets.connect:
    return websockets.connect(
        URL.replace("http", "ws") + "/ws",
        subprotocols=["hotseat.v1"],
        additional_headers={"authorization": f"Bearer {token}"},
        proxy=None,
    )


async def next_message(socket) -> dict:
    return json.loads(await asyncio.wait_for(socket.recv(), PATIENCE))


async def close_code(socket) -> int:
    """The code of the close frame; whatever comes before it is a failure."""
    try:
        unexpected = await asyncio.wait_for(socket.recv(), PATIENCE)
    except websockets.ConnectionClosed as closed:
        return closed.rcvd.code
    raise AssertionError(f"not a close: {unexpected}")


class Takeover(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.http = httpx.AsyncClient(base_url=URL, timeout=PATIENCE)

    async def asyncTearDown(self):
        await self.http.aclose()

    async def sign_in(self, user: str, **device) -> dict:
        answer = await self.http.post("/api/sessions", headers=KEY, json={"user_id": user, "device": device})
        self.assertEqual(answer.status_code, 201, answer.text)
        return answer.json()

    async def test_a_newer_password_login_puts_the_older_device_out_and_says_by_whom(self):
        async def login(name: str) -> dict:
            body = {"username": "user2", "password": "password2", "device": {"name": name}, "return_token": True}
            # A client of its own: the cookies of one would make both the same device.
            async with httpx.AsyncClient(base_url=URL, timeout=PATIENCE) as device:
                return (await device.post("/api/auth/login", json=body)).json()

        first = await login("Old laptop")
        async with connect(first["token"]) as socket:
            welcome = await next_message(socket)
            self.assertEqual((welcome["type"], welcome["session"]["id"]), ("welcome", first["session"]["id"]))
            second = await login("New phone")
            told = await next_message(socket)
            self.assertEqual((told["type"], told["reason"], told["reconnect"]), ("force_logout", "takeover", False))
            self.assertEqual(told["by"]["session_id"], second["session"]["id"])
            self.assertEqual(told["by"]["device"]["name"], "New phone")
            self.assertEqual(await close_code(socket), 4409)

        again = await self.http.get("/api/auth/session", headers={"authorization": f"Bearer {first['token']}"})
        self.assertEqual(again.status_code, 401)
        self.assertTrue(again.json()["type"].endswith("session-ended"))
        for member in ("reason", "at", "by"):
            self.assertEqual(again.json()[member], told[member])

    async def test_a_protocol_ping_is_answered(self):
        session = await self.sign_in(str(uuid.uuid4()))
        async with connect(session["token"]) as socket:
            await next_message(socket)
            await asyncio.wait_for(await socket.ping(), PATIENCE)

    async def test_logging_out_over_the_socket_ends_the_session(self):
        session = await self.sign_in(str(uuid.uuid4()))
        async with connect(session["token"]) as socket:
            await next_message(socket)
            await socket.send(json.dumps({"type": "logout"}))
            self.assertEqual((await next_message(socket))["reason"], "logout")
            self.assertEqual(await close_code(socket), 4440)

    async def test_an_unknown_token_is_told_so_and_closed(self):
        session = await self.sign_in(str(uuid.uuid4()))
        # 48 bytes are 64 characters of base64 without padding: another last character is another secret.
        other = session["token"][:-1] + ("A" if session["token"][-1] != "A" else "B")
        async with connect(other) as socket:
            self.assertEqual(await next_message(socket), {"type": "error", "code": "invalid-token"})
            self.assertEqual(await close_code(socket), 4401)


if __name__ == "__main__":
    wait_until_ready()
    result = unittest.main(exit=False, verbosity=2).result
    bad = len(result.failures) + len(result.errors)
    print(f"# pass {result.testsRun - bad}\n# fail {bad}", flush=True)
    sys.exit(bad > 0)
