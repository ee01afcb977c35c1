"""What connections that do nothing cost: takeovers beside them, the node's processor, and calls of Redis."""

import subprocess
import time
import urllib.request
from dataclasses import dataclass

from .. import systems
from ..load import Pace, hotseat_bench
from ..processes import Processes
from ..rounds import interleaved, say
from ..tools import Tools
from .takeover import take_over

CONNECTIONS = 15_000
# Two renewals of 15 s, and some.
WINDOW_S = 35
RENEW_INTERVAL_S = 15
PARTITIONS = 1_024
LOOK_EVERY_S = 0.5
# What a node calls. Redis also counts what its scripts call inside of it, which is no traffic.
CALLS = ("evalsha", "eval", "ping", "subscribe", "unsubscribe", "ssubscribe", "sunsubscribe", "role", "acl|dryrun")


@dataclass
class Sample:
    """What Redis had been called, when so many connections were open."""

    at_s: float
    connections: int
    calls: dict[str, int]


def measure(tools: Tools, processes: Processes, pace: Pace) -> dict:
    connections = pace.scaled(CONNECTIONS)
    none, beside = (systems.hotseat(tools, processes, name) for name in ("none", "beside"))
    taken = interleaved(
        pace.rounds,
        {
            "none": lambda: take_over(tools, none, pace),
            "beside": lambda: take_over(tools, beside, pace, "--connections", str(connections)),
        },
    )
    processes.stop()
    return {"connections": connections, "takeover": taken} | quiet(tools, processes, pace, connections)


def quiet(tools: Tools, processes: Processes, pace: Pace, connections: int) -> dict:
    """One node, and nobody does anything: what it uses of a core, and what it asks of Redis."""
    system = systems.hotseat(tools, processes, "quiet", nodes=1)
    window_s = WINDOW_S if pace.scale == 1 else 3
    samples: list[Sample] = []

    def watch(process: subprocess.Popen) -> None:
        while process.poll() is None:
            samples.append(Sample(time.monotonic(), open_connections(system.urls[0]), system.redis.calls()))
            time.sleep(LOOK_EVERY_S)

    words = ["--connections", str(connections), "--duration", f"{window_s}s", "--pid", str(system.pids[0])]
    report = hotseat_bench(tools, system, "idle", *words, while_it_runs=watch)
    # The first and the last may still hold what opening and closing asked.
    still = [sample for sample in samples if sample.connections == connections][1:-1]
    calls = per_interval(still[0], still[-1])
    cpu_percent = report["idle_cpu_percent"]
    say(f"    {cpu_percent} % of a core, {calls} calls of Redis in {RENEW_INTERVAL_S} s")
    return {"cpu_percent": cpu_percent, "redis_calls": calls}


def per_interval(first: Sample, last: Sample) -> dict[str, float]:
    share = RENEW_INTERVAL_S / (last.at_s - first.at_s)
    made = {name: (last.calls.get(name, 0) - first.calls.get(name, 0)) * share for name in CALLS}
    return {name: round(calls, 1) for name, calls in made.items() if calls}


def open_connections(url: str) -> int:
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as metrics:
        lines = metrics.read().decode().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("hotseat_connections ")))
