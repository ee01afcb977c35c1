"""Processes that are started here, and end with us however we end.

Every one is a child that the kernel kills when this process dies (prctl), and that `Processes` stops when its block is
left: nothing is looked for by its name.
"""

import ctypes
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 10
PR_SET_PDEATHSIG = 1
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
LIBC = ctypes.CDLL(None)


class Failed(Exception):
    """Something did not start, or did not do what it should; the text is for whoever runs this."""


class Processes:
    """What runs now, and where it writes what it says."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.running: list[subprocess.Popen] = []

    def start(self, name: str, command: list[str], is_ready: Callable[[], bool], **variables: str) -> subprocess.Popen:
        """Starts it and waits until it is ready."""
        log = self.directory / f"{name}.log"
        with log.open("ab") as out:
            process = subprocess.Popen(
                command,
                cwd=self.directory,
                env=clean_environment() | variables,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                preexec_fn=die_with_parent,
            )
        self.running.append(process)
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            if is_ready():
                return process
            time.sleep(0.02)
        raise Failed(f"{name} did not start: {tail(log)}")

    def stop(self) -> None:
        """The younger first: a server before the store that it is on."""
        for process in reversed(self.running):
            if process.poll() is None:
                process.kill()
        for process in self.running:
            process.wait(STOP_TIMEOUT_S)
        self.running.clear()


@contextmanager
def processes(directory: Path) -> Iterator[Processes]:
    """Stopped when the block is left, by an error or Ctrl-C too."""
    directory.mkdir(parents=True, exist_ok=True)
    started = Processes(directory)
    try:
        yield started
    finally:
        started.stop()


def die_with_parent() -> None:
    """Between fork and exec. The kernel goes by the thread that forked: always the main one here."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def clean_environment() -> dict[str, str]:
    """A variable of the caller's shell must not reach the nodes."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HOTSEAT_")}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def answers_http(url: str) -> Callable[[], bool]:
    """Whether anything is answered there; a 404 is an answer of a server that runs."""

    def ask() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return True
        except urllib.error.HTTPError as error:
            return error.code < 500
        except OSError:
            return False

    return ask


def cpu_seconds(pid: int) -> float:
    """Of all its threads so far: utime and stime of proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])
