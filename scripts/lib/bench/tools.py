"""What is built and installed before anything is measured."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .processes import Failed

ROOT = Path(__file__).parents[3]
PEERS = ROOT / "benches/peers"
# Started by path. The others run to their end and print their figures.
BENCHES = ["floor", "pipeline", "redis_memory", "redis_sweep", "list", "embedded"]


@dataclass(frozen=True)
class Tools:
    hotseat: Path
    benches: dict[str, Path]
    node: str
    python: Path


def build(profile: str, venv: Path) -> Tools:
    """All at once, so that the server and what it is compared with have the same profile (the bench profile inherits
    release) and the same features of the crates that they share."""
    names = [word for name in BENCHES for word in ("--bench", name)]
    made = executables("cargo", "bench", "--locked", "--profile", profile, "--no-run", *names)
    return Tools(made["hotseat"], {name: made[name] for name in BENCHES}, "node", venv / "bin/python")


def executables(*command: str) -> dict[str, Path]:
    """Runs cargo; which executables it made, by target."""
    line = [*command, "--quiet", "--message-format=json-render-diagnostics"]
    done = subprocess.run(line, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise Failed(f"{' '.join(line)} failed")
    messages = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    return {
        message["target"]["name"]: Path(message["executable"])
        for message in messages
        if message["reason"] == "compiler-artifact" and message.get("executable")
    }
