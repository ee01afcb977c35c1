"""docs/benchmarks.md between its two marks, and the plots beside it, out of docs/benchmarks/latest.json."""

import json
from collections.abc import Iterator

from . import plots
from .tables import WRITERS, plain, table
from .tools import ROOT
from .wanted import WISHES, Wish

PAGE = ROOT / "docs/benchmarks.md"
PLOTS = ROOT / "docs/benchmarks"
LATEST = PLOTS / "latest.json"
BEGIN, END = "<!-- scripts/bench writes from here -->", "<!-- to here -->"


def latest() -> dict:
    return json.loads(LATEST.read_text()) if LATEST.exists() else {"sections": {}}


def write(results: dict) -> None:
    PLOTS.mkdir(exist_ok=True)
    LATEST.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    for name, drawing in drawings(results["sections"]):
        (PLOTS / f"{name}.svg").write_text(drawing)
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{generated(results)}{END}{after}")


def generated(results: dict) -> str:
    sections = {name: section["taken"] for name, section in results["sections"].items() if "taken" in section}
    parts = [machine(results), wishes(results["sections"])]
    parts += [write(sections[name]) for name, write in WRITERS.items() if name in sections]
    return "\n" + "\n".join(parts) + "\n"


def machine(results: dict) -> str:
    on, sections = results["machine"], results["sections"].values()
    moments = sorted(section["at"] for section in sections)
    commits = ", ".join(sorted({section["commit"] for section in sections}))
    busy = sorted({section["load_before"] for section in sections})
    runs = len({section["run"] for section in sections})
    return (
        f"Measured in {'one run' if runs == 1 else f'{runs} runs'} from {moments[0]} to {moments[-1]} UTC, commit {commits}, on {on['cores']} cores of an {on['cpu']} (a virtual "
        f"machine, {on['memory_gib']} GiB, {on['system']}, {on['file_system']}); Redis {on['redis']} (AOF, every second), "
        f"Rust {on['rust']}, Node {on['node']}, Python {on['python']}. Load average before: "
        f"{' to '.join(str(load) for load in (busy[0], busy[-1])[: len(busy)])}. Load generator, servers and Redis share these cores.\n"
    )


def wishes(sections: dict) -> str:
    rows = []
    for wish in WISHES:
        cells = verdicts(wish, sections.get(wish.section))
        rows += [[wish.what if place == 0 else "", *told] for place, told in enumerate(cells)]
    return "## What is wanted, and what was measured\n\n" + table(["what", "wanted", "measured", "met"], rows)


def verdicts(wish: Wish, section: dict | None) -> Iterator[list[str]]:
    if section is None or "taken" not in section:
        yield ["", f"not measured: {section['failed'] if section else 'not run yet'}", ""]
        return
    for check in wish.checks(section["taken"]):
        yield [check.wanted(), check.measured(), "yes" if check.is_met() else "**no**"]


def drawings(sections: dict) -> Iterator[tuple[str, str]]:
    """The best first."""
    if taken := sections.get("takeover", {}).get("taken"):
        devices = {name: of for name, of in taken["1"].items() if name != "commit"}
        note = "p50, p90 and p99; in figures p50 · p99"
        rows = [(name, plain(name), devices[name]) for name in sorted(devices, key=lambda name: devices[name]["p50"])]
        yield "takeover", plots.percentiles("A takeover, one at a time", note, rows)
        rates = {name: of["rate"] for name, of in taken["32"].items()}
        rows = [(name, plain(name), rates[name]) for name in sorted(rates, key=rates.get, reverse=True)]
        note = "client, servers and Redis on the same cores"
        yield "rate", plots.bars("Takeovers a second, 32 at once", note, "a second", rows)
    if taken := sections.get("memory", {}).get("taken"):
        sizes = {name: of["bytes"] / 1024 for name, of in taken.items()}
        rows = [(name, plain(name), sizes[name]) for name in sorted(sizes, key=sizes.get)]
        yield "memory", plots.bars("Memory by the idle connection", "resident, of the node", "KiB", rows)
