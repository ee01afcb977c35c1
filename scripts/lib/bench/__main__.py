"""The command line of `scripts/bench`."""

import argparse
import shutil
import signal
import sys
import time
from pathlib import Path

from . import machine, page, wanted
from .load import FULL, SHORT, SMOKE, Pace
from .processes import processes
from .rounds import say
from .sections import SECTIONS, takeover
from .tools import ROOT, Tools, build

RUN = ROOT / "target/bench-run"
SHORT_NAMES = ("floor", "pipeline", "hotseat")


def main() -> int:
    wishes = parse()
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda *_: sys.exit(130))
    shutil.rmtree(RUN, ignore_errors=True)
    before = machine.moment()
    say("building")
    tools = build(wishes.profile, wishes.venv)
    return short(tools) if wishes.short else whole(tools, wishes, before)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Hotseat beside its floor and its peers, in turns."
    )
    parser.add_argument("--only", nargs="+", choices=SECTIONS, metavar="SECTION", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument(
        "--short", action="store_true", help="takeovers only, judged by ratio, two minutes; writes nothing"
    )
    parser.add_argument(
        "--smoke", action="store_true", help="everything with tiny numbers: does it work? writes nothing"
    )
    parser.add_argument(
        "--profile", default="release", help="another profile of cargo, for working on this; writes nothing"
    )
    parser.add_argument("--venv", type=Path, required=True, help=argparse.SUPPRESS)
    return parser.parse_args()


def whole(tools: Tools, wishes: argparse.Namespace, before: dict) -> int:
    """Each section for itself: one that fails is told as failed, and the others are measured all the same."""
    pace = SMOKE if wishes.smoke else FULL
    # A whole run keeps nothing of those before.
    results = (page.latest() if wishes.only else {"sections": {}}) | {"machine": machine.describe(tools)}
    failed = []
    for name in wishes.only or SECTIONS:
        results["sections"][name] = section = before | measured(name, tools, pace)
        if "failed" in section:
            failed.append(name)
        if wishes.profile == "release" and not wishes.smoke:
            page.write(results)
    say(f"failed: {', '.join(failed)}" if failed else "done")
    return bool(failed)


def measured(name: str, tools: Tools, pace: Pace) -> dict:
    section, began = {"at": machine.now()}, time.monotonic()
    say(name)
    try:
        with processes(RUN / name) as started:
            section["taken"] = SECTIONS[name](tools, started, pace)
    except Exception as error:
        # Whatever it is, it is this section's. Where this lies on the disk is nobody's business.
        section["failed"] = f"{type(error).__name__}: {error}".replace(str(ROOT), ".")
        say(f"  FAILED {section['failed']}")
    # The logs of a section that failed stay.
    if "taken" in section:
        shutil.rmtree(RUN / name, ignore_errors=True)
    section["seconds"] = round(time.monotonic() - began)
    say(f"  {section['seconds']} s")
    return section


def short(tools: Tools) -> int:
    """Only ratios, and wide bounds: for whoever changes the paths that a takeover takes."""
    with processes(RUN / "short") as started:
        taken = takeover.measure(tools, started, SHORT, SHORT_NAMES)
    checks = [check(taken) for check in wanted.SHORT]
    for check in checks:
        print(f"{'ok' if check.is_met() else 'FAILED':<7} {check.wanted()}: {check.measured()}")
    return not all(check.is_met() for check in checks)


if __name__ == "__main__":
    sys.exit(main())
