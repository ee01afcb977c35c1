"""Plots as SVG, written by hand so that they need nothing to be made or seen. Ours stand out; light and dark."""

import math
from collections.abc import Callable
from html import escape

WIDTH = 760
LABEL_WIDTH = 250
RIGHT = 90
ROW = 34
TOP = 62
PERCENTILES = ("p50", "p90", "p99")
OURS = ("hotseat", "embedded", "cached")

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2933; }
.title { font-size: 16px; font-weight: 600; }
.note, .tick { fill: #5b6673; font-size: 12px; }
.ground { fill: #ffffff; }
.grid { stroke: #dfe4ea; }
.bar, .dot { fill: #94a3b3; }
.line { stroke: #94a3b3; stroke-width: 2; }
.ours .bar, .ours .dot { fill: #c2410c; }
.ours .line { stroke: #c2410c; }
.ours .name { font-weight: 600; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6e9ed; }
  .note, .tick { fill: #a3adb8; }
  .ground { fill: #14181d; }
  .grid { stroke: #2e353d; }
  .bar, .dot { fill: #76838f; }
  .line { stroke: #76838f; }
  .ours .bar, .ours .dot { fill: #fb923c; }
  .ours .line { stroke: #fb923c; }
}
"""


def percentiles(title: str, note: str, rows: list[tuple[str, str, dict]]) -> str:
    """A line a system on a logarithmic axis of milliseconds: dots at p50, p90 and p99."""
    values = [figures[name] for _, _, figures in rows for name in PERCENTILES]
    low, high = decade(min(values), math.floor), decade(max(values), math.ceil)
    span = math.log10(high / low)

    def x(value: float) -> float:
        return LABEL_WIDTH + (WIDTH - LABEL_WIDTH - RIGHT) * math.log10(value / low) / span

    def draw(figures: dict, y: float) -> str:
        first, last = x(figures["p50"]), x(figures["p99"])
        dots = "".join(
            f'<circle class="dot" cx="{x(figures[name]):.1f}" cy="{y}" r="{6 - 1.2 * place:.1f}"><title>{name}: {figures[name]:.3f} ms</title></circle>'
            for place, name in enumerate(PERCENTILES)
        )
        told = f'<text x="{last + 12:.1f}" y="{y + 4}">{figures["p50"]:.2f} · {figures["p99"]:.2f}</text>'
        return f'<line class="line" x1="{first:.1f}" x2="{last:.1f}" y1="{y}" y2="{y}"/>{dots}{told}'

    steps = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [10.0**step * part for step in steps for part in (1, 2, 5)]
    told = [(x(tick), f"{tick:g}") for tick in ticks if low * 0.99 <= tick <= high * 1.01]
    return frame(title, note, rows, draw, told, "milliseconds, logarithmic")


def bars(title: str, note: str, unit: str, rows: list[tuple[str, str, float]]) -> str:
    high = nice(max(value for _, _, value in rows))

    def x(value: float) -> float:
        return LABEL_WIDTH + (WIDTH - LABEL_WIDTH - RIGHT) * value / high

    def draw(value: float, y: float) -> str:
        told = f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
        width = x(value) - LABEL_WIDTH
        return (
            f'<rect class="bar" x="{LABEL_WIDTH}" y="{y - 9}" width="{width:.1f}" height="18" rx="2"/>'
            f'<text x="{LABEL_WIDTH + width + 8:.1f}" y="{y + 4}">{told}</text>'
        )

    return frame(title, note, rows, draw, [(x(high * part / 4), f"{high * part / 4:,g}") for part in range(5)], unit)


def frame(title: str, note: str, rows: list, draw: Callable, ticks: list[tuple[float, str]], unit: str) -> str:
    bottom = TOP + ROW * len(rows)
    grid = "".join(
        f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{bottom}"/>'
        f'<text class="tick" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{told}</text>'
        for x, told in ticks
    )
    drawn = "".join(
        f'<g class="{"ours" if name in OURS else "others"}">'
        f'<text class="name" x="{LABEL_WIDTH - 12}" y="{y + 4}" text-anchor="end">{escape(label)}</text>{draw(value, y)}</g>'
        for y, (name, label, value) in zip(range(TOP + 17, bottom, ROW), rows, strict=True)
    )
    height = bottom + 46
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
        f'aria-label="{escape(title)}"><style>{STYLE}</style><rect class="ground" width="{WIDTH}" height="{height}" rx="6"/>'
        f'<text class="title" x="16" y="26">{escape(title)}</text><text class="note" x="16" y="45">{escape(note)}</text>'
        f'{grid}{drawn}<text class="tick" x="{WIDTH - 16}" y="{height - 10}" text-anchor="end">{escape(unit)}</text></svg>\n'
    )


def decade(value: float, rounded: Callable[[float], int]) -> float:
    """To half a decade, so that little of the axis is empty."""
    power = rounded(math.log10(value) * 2) / 2
    whole = math.floor(power)
    return 10.0**whole * (1 if power == whole else 2 if rounded is math.floor else 5)


def nice(value: float) -> float:
    """The least of 1, 2, 4 or 8 times a power of ten that is not below."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * factor for factor in (1, 2, 4, 8, 10) if power * factor >= value)
