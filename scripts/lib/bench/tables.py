"""The tables of docs/benchmarks.md, a writer for each section."""

from collections.abc import Callable

from .rounds import errors, ratio
from .sections.idle import RENEW_INTERVAL_S
from .sections.storm import LABELS as STORM
from .systems import TITLES
from .wanted import number


def table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def at_once(workers: str) -> str:
    return "One at a time" if workers == "1" else f"{workers} at once"


def takeover(taken: dict) -> str:
    parts = [
        "### Takeover\n\n"
        "From the first byte of a login on one node to the `force_logout` read on the older device's socket, which hangs on the "
        "other node. Closed loops; each worker connects the newer session before it logs in again, which is in the rate. "
        "Milliseconds.\n",
        "![Latency of a takeover](benchmarks/takeover.svg)\n",
    ]
    for workers, of in taken.items():
        parts.append(f"{at_once(workers)}:\n\n" + times(of, "pipeline"))
        if workers != "1":
            parts.append("![Takeovers a second](benchmarks/rate.svg)\n")
    return "\n".join(parts)


def times(of: dict, base: str) -> str:
    rows = []
    for name, figures in of.items():
        rounds = [one["p50"] for one in figures["rounds"]]
        spread = f"{min(rounds):.3f} to {max(rounds):.3f}"
        to_base = f"{ratio(figures, of[base], 'p50'):.2f}"
        rate, faults = f"{figures['rate']:,.0f}", f"{errors(figures):,}"
        rows.append([TITLES[name], *milliseconds(figures), rate, to_base, spread, faults])
    heads = ["system", "p50", "p90", "p99", "a second", f"p50 / {plain(base)}'s", "p50 of the rounds", "errors"]
    return table(heads, rows)


def milliseconds(figures: dict) -> list[str]:
    return [f"{figures[key]:.3f}" for key in ("p50", "p90", "p99")]


def plain(name: str) -> str:
    return TITLES[name].replace("*", "").replace("`", "")


def memory(taken: dict) -> str:
    rows = [[TITLES[name], f"{of['connections']:,}", f"{of['bytes'] / 1024:.2f}"] for name, of in taken.items()]
    return (
        "### Memory\n\n"
        "Resident memory of a node by the idle connection: what the process grew by, once it had settled; a few "
        "connections had come and gone before, so that nothing of its start is counted against it. Each connection has "
        "a live session.\n\n"
        "![Memory by the connection](benchmarks/memory.svg)\n\n" + table(["system", "connections", "KiB each"], rows)
    )


def check(taken: dict) -> str:
    parts = ["### Checks of sessions\n\n`GET /api/verify` as a gateway asks it, on one node. Milliseconds.\n"]
    parts += [f"{at_once(workers)}:\n\n" + times(of, "bare") for workers, of in taken.items()]
    return "\n".join(parts)


def facts(title: str, words: str, labels: dict[str, str]) -> Callable[[dict], str]:
    """A section without a shape of its own: its figures, each by a label."""

    def written(taken: dict) -> str:
        return f"### {title}\n\n{words}\n\n" + labelled(taken, labels)

    return written


def labelled(taken: dict, labels: dict[str, str]) -> str:
    return table(["what", "figure"], [[label, number(taken[name])] for name, label in labels.items() if name in taken])


def idle(taken: dict) -> str:
    connections = f"{taken['connections']:,}"
    rows = [
        [f"beside {connections if name == 'beside' else 'none'}", *milliseconds(of), f"{of['rate']:,.0f}"]
        for name, of in taken["takeover"].items()
    ]
    calls, calls_of_none = (
        ", ".join(f"{number(count)} `{name}`" for name, count in taken[key].items())
        for key in ("redis_calls", "redis_calls_of_none")
    )
    return (
        "### Idle connections\n\n"
        "Takeovers, one at a time, on two nodes with and without idle connections, in turns. Milliseconds.\n\n"
        + table(["takeovers", "p50", "p90", "p99", "a second"], rows)
        + f"\nOne node with {connections} connections and nobody who does anything: {number(taken['cpu_percent'])} % of a core, "
        f"and in a renewal interval of {RENEW_INTERVAL_S} s these calls of Redis: {calls}; before, without any connection: "
        f"{calls_of_none}. The sweeper's rounds are not among them: 1,024 calls each 5 minutes, with connections and without.\n"
    )


def listing(taken: dict) -> str:
    rows = [
        [
            engine,
            walk["walk"],
            str(walk["pages"]),
            f"{walk['p50_ms']:.1f}",
            f"{walk['p99_ms']:.1f}",
            f"{walk['redis_ms_per_page']:.1f}" if "redis_ms_per_page" in walk else "",
        ]
        for engine in ("redis", "embedded")
        for walk in taken[engine]
    ]
    heads = ["store", "walk", "pages", "p50 ms", "p99 ms", "Redis ms a page"]
    words = f"Pages of walks over {taken['sessions']:,} sessions, as the store answers them; this Redis keeps no append-only file."
    return f"### Lists\n\n{words}\n\n" + table(heads, rows)


WRITERS = {
    "takeover": takeover,
    "memory": memory,
    "check": check,
    "idle": idle,
    "storm": facts(
        "A node is killed",
        "All clients hang on one of two nodes, which is killed (SIGKILL). They come back on the other one with full-jitter "
        "backoff, as the SDK does.",
        STORM,
    ),
    "redis_memory": facts(
        "Redis by the session",
        "Sessions as they are in life, without `data`; what an event, a tombstone and a node's subscription cost comes on top. "
        "This Redis keeps no append-only file.",
        {
            "sessions": "sessions",
            "bytes_per_session": "bytes a session",
            "bytes_per_event": "bytes of its login's event",
            "bytes_per_tombstone": "bytes of its tombstone, once it has ended",
            "bytes_per_channel": "bytes of a subscription to its user",
        },
    ),
    "sweep": facts(
        "Sweeping",
        "One session in a hundred has expired; all partitions are swept once, and then again with nothing to clean. "
        "This Redis keeps no append-only file.",
        {
            "sessions": "sessions",
            "expired": "of them expired and swept",
            "took_ms": "ms until all were gone",
            "redis_ms": "ms of them computed by Redis",
            "slowest_us": "µs of the slowest command, by the slow log",
            "nothing_of_none_redis_ms": "ms of Redis with nothing to clean, in an empty store",
            "nothing_of_tenth_redis_ms": "ms of Redis with nothing to clean, among a tenth of those sessions",
            "nothing_of_many_redis_ms": "ms of Redis with nothing to clean, among all of them",
            "census_ms": "ms to count what is left",
        },
    ),
    "list": listing,
    "start": facts(
        "The embedded store",
        "Filled by 512 logins at once, each on the disk before it is answered; closed, and opened again.",
        {
            "sessions": "sessions",
            "logins_per_s": "logins a second",
            "takeover_p50_ms": "ms of a takeover, one after the other, until the store answers: p50",
            "memory_bytes_per_session": "bytes of memory a session",
            "disk_bytes_per_session": "bytes on the disk a session",
            "open_s": "s to open it again: the median of five",
            "open_worst_s": "s at the worst",
            "open_cpu_s": "s of the median computing",
            "census_ms": "ms to count all",
        },
    ),
}
