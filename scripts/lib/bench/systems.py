"""What is compared, and how each is started: two nodes on a Redis of their own, unless a system is another shape."""

from collections.abc import Callable
from dataclasses import dataclass, field

from .processes import Processes, answers_http, free_port
from .redis import Redis
from .tools import PEERS, Tools


@dataclass
class System:
    name: str
    urls: list[str] = field(default_factory=list)
    pids: list[int] = field(default_factory=list)
    # What its sockets speak, as `hotseat bench --peer` calls it.
    peer: str = "hotseat"
    redis: Redis | None = None


# How people are told of them.
TITLES = {
    "floor": "floor: a script and its message",
    "pipeline": "bare pipeline",
    "hotseat": "**Hotseat**, Redis",
    "embedded": "**Hotseat**, embedded, one node",
    "socketio": "Socket.IO, Redis adapter",
    "fastapi": "FastAPI, Redis Pub/Sub",
    "commit": "floor: one durable commit",
    "bare": "a bare axum handler",
    "get": "floor: a GET in Redis",
    "cached": "**Hotseat**, `check_cache`",
}


def hotseat(tools: Tools, processes: Processes, name: str = "hotseat", nodes: int = 2, **keys: str) -> System:
    """Hotseat on Redis, as it comes; `keys` are those of its configuration."""
    system = System(name, redis=Redis(processes, name))
    for _ in range(nodes):
        serve(tools, processes, system, system.redis.url, keys)
    return system


def embedded(tools: Tools, processes: Processes) -> System:
    system = System("embedded")
    serve(tools, processes, system, f"embedded:{processes.directory / 'embedded-data'}", {})
    return system


def pipeline(tools: Tools, processes: Processes, nodes: int = 2) -> System:
    return peer(
        "pipeline", processes, nodes, lambda port, redis: [tools.benches["pipeline"], f"127.0.0.1:{port}", redis]
    )


def socketio(tools: Tools, processes: Processes, nodes: int = 2) -> System:
    server = PEERS / "socketio/server.js"
    system = peer("socketio", processes, nodes, lambda port, redis: [tools.node, server, str(port), redis])
    system.peer = "socket.io"
    return system


def fastapi(tools: Tools, processes: Processes, nodes: int = 2) -> System:
    server = PEERS / "fastapi/server.py"
    return peer("fastapi", processes, nodes, lambda port, redis: [tools.python, server, str(port), redis])


def peer(name: str, processes: Processes, nodes: int, command: Callable[[int, str], list]) -> System:
    system = System(name, redis=Redis(processes, name))
    for _ in range(nodes):
        port = free_port()
        begin(processes, system, port, [str(word) for word in command(port, system.redis.url)], "/", {})
    return system


def serve(tools: Tools, processes: Processes, system: System, store: str, keys: dict[str, str]) -> None:
    port = free_port()
    command = [str(tools.hotseat), "serve", "--demo", "--listen", f"127.0.0.1:{port}", "--store", store]
    variables = {f"HOTSEAT_{key.upper()}": value for key, value in keys.items()}
    begin(processes, system, port, command, "/readyz", variables)


def begin(processes: Processes, system: System, port: int, command: list[str], path: str, variables: dict) -> None:
    url = f"http://127.0.0.1:{port}"
    process = processes.start(f"{system.name}-{len(system.urls)}", command, answers_http(url + path), **variables)
    system.urls.append(url)
    system.pids.append(process.pid)
