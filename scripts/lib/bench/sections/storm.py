"""19,000 clients whose node is killed: until all are welcome on the other one, and how busy Redis is with them."""

import math
import subprocess
import time

from .. import systems
from ..load import Pace, hotseat_bench, while_running
from ..processes import Processes
from ..rounds import say
from ..tools import Tools

# What a process here may hold, less what it needs for itself: 20,000 descriptors.
CLIENTS = 19_000
LOOK_EVERY_S = 0.1
# Over which the share of a core is taken: shorter than a second is less than the clock of proc(5) can tell.
SHARE_OVER_S = 1.0
# Of the report, by its names.
LABELS = {
    "connections": "clients",
    "half_back_s": "s until half were welcome again",
    "p99_back_s": "s until 99 of a hundred were",
    "all_back_s": "s until all were",
    "back": "of them back",
    "error_count": "errors",
    "attempts": "attempts to connect",
    "logins_lost": "logins lost",
    "redis_percent": "% of its core that Redis took in the busiest second",
}


def measure(tools: Tools, processes: Processes, pace: Pace) -> dict:
    system = systems.hotseat(tools, processes, "storm", nodes=2)
    doomed = processes.running[-2]
    used: list[tuple[float, float]] = []

    def watch(process: subprocess.Popen) -> None:
        for _ in while_running(process, LOOK_EVERY_S):
            # Before the death nothing counts: opening the connections is no storm.
            if doomed.poll() is not None:
                used.append((time.monotonic(), system.redis.cpu_seconds()))

    words = ["--connections", str(pace.scaled(CLIENTS)), "--kill", str(doomed.pid)]
    report = hotseat_bench(tools, system, "storm", *words, while_it_runs=watch)
    taken = {key: report[key] for key in LABELS if key in report}
    # When all are back, their sessions are ended; that is no storm any longer.
    over = max(SHARE_OVER_S, report["all_back_s"] or math.inf) + LOOK_EVERY_S
    taken["redis_percent"] = busiest([(at, cpu) for at, cpu in used if at - used[0][0] <= over])
    say(f"    {taken}")
    return taken


def busiest(used: list[tuple[float, float]]) -> float:
    """The largest share of a core over any second, in percent."""
    shares = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for index, earlier in enumerate(used)
        for later in used[index + 1 :]
        if SHARE_OVER_S <= later[0] - earlier[0] < SHARE_OVER_S + 2 * LOOK_EVERY_S
    ]
    return round(max(shares, default=0.0) * 100, 1)
