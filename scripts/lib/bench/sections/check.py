"""Checks of sessions, as a gateway asks: beside a handler that looks at nothing, and a GET in Redis."""

from collections.abc import Callable
from dataclasses import replace

from .. import systems
from ..load import Figures, Pace, figures, floor, hotseat_bench
from ..processes import Processes
from ..redis import Redis
from ..rounds import interleaved, say
from ..systems import System
from ..tools import Tools

WORKERS = (1, 32)
CACHE = "10s"


def measure(tools: Tools, processes: Processes, pace: Pace) -> dict:
    redis = Redis(processes, "get")
    asked = {
        "bare": systems.pipeline(tools, processes, nodes=1),
        "hotseat": systems.hotseat(tools, processes, nodes=1),
        "cached": systems.hotseat(tools, processes, "cached", nodes=1, check_cache=CACHE),
    }
    taken = {}
    for workers in WORKERS:
        # Ten times as many as takeovers in the same time: half of it is enough.
        say(f"  {workers} at once")
        words = ["--workers", str(workers), *replace(pace, duration_s=pace.duration_s / 2).words()]
        measures = {name: verify(tools, system, words) for name, system in asked.items()}
        measures["get"] = lambda words=words: floor(tools, "get", "--redis", redis.url, *words)
        taken[str(workers)] = interleaved(pace.rounds, measures)
    return taken


def verify(tools: Tools, system: System, words: list[str]) -> Callable[[], Figures]:
    return lambda: figures(hotseat_bench(tools, system, "verify", *words), "verify")
