"""Load on a system, and its figures: times in milliseconds, rates a second."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .processes import Failed, clean_environment, die_with_parent
from .systems import System
from .tools import ROOT, Tools

Figures = dict[str, float]
# Beyond what a run is told to take: connecting, settling, tidying up.
PATIENCE_S = 900
TEMPORARY = ROOT / "target/bench-run/tmp"


@dataclass(frozen=True)
class Pace:
    """How much of everything. Ratios need rounds rather than long ones."""

    rounds: int
    duration_s: float
    warm_up_s: float
    # Idle connections, clients of a storm, sessions in a store: as issue and documents have them, times this.
    scale: float = 1.0

    def scaled(self, number: int) -> int:
        return max(20, round(number * self.scale))

    def words(self) -> list[str]:
        return ["--duration", f"{round(self.duration_s * 1e3)}ms", "--warm-up", f"{round(self.warm_up_s * 1e3)}ms"]


FULL = Pace(rounds=5, duration_s=2.5, warm_up_s=0.5)
SHORT = Pace(rounds=3, duration_s=1.5, warm_up_s=0.5)
SMOKE = Pace(rounds=1, duration_s=2, warm_up_s=0.5, scale=0.002)


def hotseat_bench(tools: Tools, system: System, what: str, *words: str, while_it_runs: Callable | None = None) -> dict:
    """`hotseat bench WHAT` on the system, and its report."""
    urls = [word for url in system.urls for word in ("--url", url)]
    peer = ["--peer", system.peer] if system.peer != "hotseat" else []
    command = [str(tools.hotseat), "bench", what, *urls, *peer, *words, "--json"]
    return run(command, while_it_runs)


def floor(tools: Tools, what: str, *words: str) -> Figures:
    return figures(run([str(tools.benches["floor"]), what, *words]), "floor")


def cargo_bench(tools: Tools, name: str, *words: str) -> dict:
    return run([str(tools.benches[name]), *words, "--json"])


def while_running(process: subprocess.Popen, every_s: float) -> Iterator[None]:
    """A turn each so many seconds until it has ended, or should have long ago."""
    until = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < until:
        yield
        time.sleep(every_s)


def faultless(report: dict) -> dict:
    """The report, if nothing went wrong: for what tells no errors."""
    if report["error_count"]:
        raise Failed(f"errors in {report['bench']}: {report['errors']}")
    return report


def run(command: list[str], while_it_runs: Callable | None = None) -> dict:
    """Runs it to its end; the report is the last line that it prints. Errors in the load fail it, unless it was done all
    the same: then they are told as a figure."""
    # Stores of its own are on the disk that everything is measured on.
    environment = clean_environment() | {"HOTSEAT_KEY": "demo-key", "TMPDIR": str(TEMPORARY)}
    TEMPORARY.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent,
    ) as process:
        try:
            if while_it_runs:
                while_it_runs(process)
            out, errors = process.communicate(timeout=PATIENCE_S)
        except BaseException:
            process.kill()
            raise
    report = json.loads(out.splitlines()[-1]) if out.rstrip().endswith("}") else None
    if report is None or (process.returncode and not report.get("error_count")):
        raise Failed(f"{Path(command[0]).name} {' '.join(command[1:])}: {errors.strip()[-800:]} {out.strip()[-400:]}")
    return report


def figures(report: dict, of: str) -> Figures:
    """The few that are compared, of one kind of thing that was timed."""
    times = report["times"][of]
    if not times["count"]:
        raise Failed(f"nothing came of it: {report.get('errors')}")
    names = ("p50", "p90", "p99", "p999", "max")
    counts = {"rate": times["rate_per_s"], "count": times["count"], "errors": report["error_count"]}
    return {name: times[f"{name}_ms"] for name in names} | counts
