"""Rounds in turns: what is compared is measured one after the other, again and again, so that whatever else the machine
does falls on all of them alike. What counts is the median of the rounds."""

import sys
from collections.abc import Callable
from statistics import median

from .load import Figures


def interleaved(rounds: int, measures: dict[str, Callable[[], Figures]]) -> dict[str, dict]:
    """The medians of each, and every round beside them. The order turns, so that nobody is always behind the same."""
    taken: dict[str, list[Figures]] = {name: [] for name in measures}
    names = list(measures)
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            figures = measures[name]()
            taken[name].append(figures)
            said = "  ".join(f"{key} {value:,.3f}" for key, value in figures.items() if key in ("p50", "p99", "rate"))
            say(f"    round {turn + 1}  {name:<10} {said}")
    return {name: medians(rounds) | {"rounds": rounds} for name, rounds in taken.items()}


def ratio(ours: dict, theirs: dict, key: str) -> float:
    """The median of the ratios within each round: a round that the machine spoilt spoilt both."""
    return median(one[key] / other[key] for one, other in zip(ours["rounds"], theirs["rounds"], strict=True))


def errors(of: dict) -> int:
    return sum(one["errors"] for one in of["rounds"])


def medians(rounds: list[Figures]) -> Figures:
    return {key: median(figures[key] for figures in rounds) for key in rounds[0]}


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
