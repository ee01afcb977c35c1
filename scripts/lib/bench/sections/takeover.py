"""Takeovers, one after the other and 32 at once: the login on one node, the older socket on the other."""

from collections.abc import Callable

from .. import systems
from ..load import Figures, Pace, figures, floor, hotseat_bench
from ..processes import Processes
from ..redis import Redis
from ..rounds import interleaved, say
from ..systems import System
from ..tools import Tools

WORKERS = (1, 32)
EVERYBODY = ("floor", "commit", "pipeline", "hotseat", "embedded", "socketio", "fastapi")


def measure(tools: Tools, processes: Processes, pace: Pace, names: tuple[str, ...] = EVERYBODY) -> dict:
    started = {name: runner(name, tools, processes, pace) for name in names}
    taken = {}
    for workers in WORKERS:
        say(f"  {workers} at once")
        # SQLite has one writer: a commit is timed alone.
        asked = {name: run for name, run in started.items() if workers == 1 or name != "commit"}
        taken[str(workers)] = interleaved(pace.rounds, {name: bound(run, workers) for name, run in asked.items()})
    return taken


def bound(run: Callable[[int], Figures], workers: int) -> Callable[[], Figures]:
    return lambda: run(workers)


def runner(name: str, tools: Tools, processes: Processes, pace: Pace) -> Callable[[int], Figures]:
    """Starts the system; the answer puts so many workers on it."""
    if name == "floor":
        redis = Redis(processes, name)
        return lambda workers: floor(tools, "seat", "--redis", redis.url, "--workers", str(workers), *pace.words())
    if name == "commit":
        return lambda _: floor(tools, "commit", "--dir", str(processes.directory), *pace.words())
    system: System = getattr(systems, name)(tools, processes)
    return lambda workers: take_over(tools, system, pace, "--workers", str(workers))


def take_over(tools: Tools, system: System, pace: Pace, *words: str) -> Figures:
    return figures(hotseat_bench(tools, system, "takeover", *words, *pace.words()), "force_logout")
