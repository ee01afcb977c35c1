"""What grows with the number of sessions. `cargo bench` has these measurements; here they are run and read."""

from ..load import Pace, cargo_bench
from ..processes import Processes
from ..rounds import say
from ..tools import Tools


def redis_memory(tools: Tools, _: Processes, pace: Pace) -> dict:
    return bench(tools, "redis_memory", pace.scaled(100_000))


def sweep(tools: Tools, _: Processes, pace: Pace) -> dict:
    return bench(tools, "redis_sweep", pace.scaled(1_000_000))


def listing(tools: Tools, _: Processes, pace: Pace) -> dict:
    return bench(tools, "list", pace.scaled(100_000))


def start(tools: Tools, _: Processes, pace: Pace) -> dict:
    return bench(tools, "embedded", pace.scaled(1_000_000))


def bench(tools: Tools, name: str, sessions: int) -> dict:
    report = cargo_bench(tools, name, str(sessions))
    say(f"    {report}")
    return report
