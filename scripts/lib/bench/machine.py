"""On what and when it was measured: figures without that say nothing."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from . import redis
from .tools import ROOT, Tools


def describe(tools: Tools) -> dict:
    return {
        "cpu": cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "file_system": said("findmnt", "--noheadings", "--output", "FSTYPE", "--target", str(ROOT)),
        "redis": redis.version(),
        "rust": said("rustc", "--version").split()[1],
        "node": said(tools.node, "--version").removeprefix("v"),
        "python": said(str(tools.python), "--version").split()[1],
    }


def moment() -> dict:
    """When, of which commit, and how busy the machine is before we make it so."""
    changed = "+" if said("git", "status", "--porcelain", "--", "src", "benches", "Cargo.lock") else ""
    return {
        "run": now(),
        "commit": said("git", "rev-parse", "--short=12", "HEAD") + changed,
        "load_before": round(os.getloadavg()[0], 2),
    }


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M")


def cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def said(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
