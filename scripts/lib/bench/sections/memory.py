"""Resident memory of a node by the idle connection, each with a live session behind it."""

from .. import systems
from ..load import Pace, faultless, hotseat_bench
from ..processes import Processes
from ..rounds import say
from ..tools import Tools

CONNECTIONS = 10_000
# Come and go before: what a process took to start, and gives back once it works, would hide what connections take.
BEFORE = 200
NAMES = ("pipeline", "hotseat", "socketio", "fastapi")


def measure(tools: Tools, processes: Processes, pace: Pace) -> dict:
    taken = {}
    for name in NAMES:
        system = getattr(systems, name)(tools, processes, nodes=1)
        for connections in BEFORE, pace.scaled(CONNECTIONS):
            words = ["--connections", str(connections), "--duration", "2s", "--pid", str(system.pids[0])]
            report = faultless(hotseat_bench(tools, system, "idle", *words))
        taken[name] = {"connections": report["connections"], "bytes": report["resident_memory_per_connection_bytes"]}
        say(f"    {name:<10} {taken[name]['bytes']:,.0f} bytes a connection")
        # Its memory is no longer needed; nothing else of it is measured.
        processes.stop()
    return taken
