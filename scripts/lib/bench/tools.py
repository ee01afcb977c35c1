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
    """Everything with the same profile: that of `cargo build --release`, which `cargo bench` inherits."""
    built = cargo("build", "--profile", profile, "--bin", "hotseat")
    benches = cargo(
        "bench", "--profile", profile, "--no-run", *(word for name in BENCHES for word in ("--bench", name))
    )
    return Tools(built["hotseat"], {name: benches[name] for name in BENCHES}, "node", venv / "bin/python")


def cargo(command: str, *words: str) -> dict[str, Path]:
    """Runs cargo and answers which executables it made, by target."""
    line = ["cargo", command, "--locked", "--quiet", "--message-format=json-render-diagnostics", *words]
    done = subprocess.run(line, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise Failed(f"{' '.join(line)} failed")
    messages = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    return {
        message["target"]["name"]: Path(message["executable"])
        for message in messages
        if message["reason"] == "compiler-artifact" and message.get("executable")
    }
