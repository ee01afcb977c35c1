"""A redis-server of its own for each system, as docs/redis.md wants it for Hotseat, and what it says of itself."""

import socket
import subprocess

from .processes import Failed, Processes, cpu_seconds, free_port

# As in docker-compose.yml, the same for all.
DURABLE = ["--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction", "--save", ""]
TIMEOUT_S = 10


class Redis:
    def __init__(self, processes: Processes, name: str):
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        directory = processes.directory / f"{name}-redis"
        directory.mkdir(parents=True)
        place = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(directory)]
        self.process = processes.start(f"{name}-redis", ["redis-server", *place, *DURABLE], self.answers)
        # Between finding a free port and taking it another may have been faster.
        if self.info("server")["process_id"] != str(self.process.pid):
            raise Failed(f"another Redis has port {self.port}")

    def answers(self) -> bool:
        try:
            return self.ask("PING").startswith("+PONG")
        except OSError:
            return False

    def ask(self, command: str) -> str:
        """One command, written inline; the whole of a reply that is one string."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S) as connection:
            connection.sendall(f"{command}\r\n".encode())
            reply = connection.makefile("rb")
            head = reply.readline().decode()
            return reply.read(int(head[1:])).decode() if head.startswith("$") else head

    def info(self, section: str) -> dict[str, str]:
        lines = (line.partition(":") for line in self.ask(f"INFO {section}").splitlines())
        return {name: value for name, colon, value in lines if colon}

    def calls(self) -> dict[str, int]:
        """How often each command ran so far, also those inside of scripts."""
        stats = self.info("commandstats")
        return {
            name.removeprefix("cmdstat_"): int(told.split(",")[0].removeprefix("calls="))
            for name, told in stats.items()
        }

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.process.pid)


def version() -> str:
    told = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=True).stdout
    return next(word.removeprefix("v=") for word in told.split() if word.startswith("v="))
