"""What connections that do nothing cost: takeovers beside them, the node's processor, and calls of Redis."""

import subprocess
import time
import urllib.request
from dataclasses import dataclass

from .. import systems
from ..load import Pace, faultless, hotseat_bench, while_running
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
SWEEPS = 'hotseat_store_calls_total{call="sweep",result="ok"}'
# What a node calls. Redis also counts what its scripts call inside of it, which is no traffic, and our own looks at it.
CALLS = (
    "evalsha",
    "eval",
    "ping",
    "getex",
    "subscribe",
    "unsubscribe",
    "ssubscribe",
    "sunsubscribe",
    "role",
    "acl|dryrun",
)


@dataclass
class Sample:
    """What Redis had been called, when so many connections were open."""

    at_s: float
    connections: int
    calls: dict[str, int]
    # By the node's own count: the rounds of its sweeper, 1,024 calls each `sweep_interval`, also with no connection.
    sweeps: int


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
    """One node, and nobody does anything: what it uses of a core, and what it asks of Redis, without and with connections."""
    system = systems.hotseat(tools, processes, "quiet", nodes=1)
    window_s = WINDOW_S if pace.scale == 1 else 3
    samples: list[Sample] = []

    def look() -> Sample:
        told = metrics(system.urls[0])
        connections, sweeps = (int(told.get(name, 0)) for name in ("hotseat_connections", SWEEPS))
        return Sample(time.monotonic(), connections, system.redis.calls(), sweeps)

    def watch(process: subprocess.Popen) -> None:
        for _ in while_running(process, LOOK_EVERY_S):
            samples.append(look())

    before = look()
    time.sleep(window_s)
    calls_of_none = per_interval(before, look())

    words = ["--connections", str(connections), "--duration", f"{window_s}s", "--pid", str(system.pids[0])]
    report = faultless(hotseat_bench(tools, system, "idle", *words, while_it_runs=watch))
    # The first and the last may still hold what opening and closing asked.
    still = [sample for sample in samples if sample.connections == connections][1:-1]
    calls = per_interval(still[0], still[-1])
    sweeps = still[-1].sweeps - still[0].sweeps
    cpu_percent = report["idle_cpu_percent"]
    say(
        f"    {cpu_percent} % of a core, {calls} calls of Redis in {RENEW_INTERVAL_S} s ({calls_of_none} without connections), "
        f"without {sweeps} sweeps"
    )
    return {"cpu_percent": cpu_percent, "redis_calls": calls, "redis_calls_of_none": calls_of_none, "sweeps": sweeps}


def per_interval(first: Sample, last: Sample) -> dict[str, float]:
    """The sweeps are left out: whether a round of them falls into the window is chance."""
    share = RENEW_INTERVAL_S / (last.at_s - first.at_s)
    made = {name: last.calls.get(name, 0) - first.calls.get(name, 0) for name in CALLS}
    made["evalsha"] -= last.sweeps - first.sweeps
    return {name: round(calls * share, 1) for name, calls in made.items() if calls}


def metrics(url: str) -> dict[str, float]:
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    samples = (line.split() for line in lines if line and not line.startswith("#"))
    return {sample[0]: float(sample[1]) for sample in samples if len(sample) == 2}
