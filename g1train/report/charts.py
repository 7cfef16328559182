"""Curves ─▶ charts: where every line, tick and label goes; templates/chart.html.j2 writes them down as SVG.

A chart is drawn in a box of its own units and grows with the page. Long curves are smoothed, with what was measured
behind them; what the pointer reads are the measured values.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 360, 190
LEFT, RIGHT, TOP, BOTTOM = 46, 350, 10, 164
NUM_COLOURS = 6
NUM_SMOOTHED = 16  # points from which on a curve is smoothed


@dataclass(frozen=True)
class Line:
    """One curve: its name, the number of its colour, and its points."""

    name: str
    colour: int
    xs: list[float]
    ys: list[float]


@dataclass(frozen=True)
class Chart:
    """A chart as geometry. `lines` are (name, colour, path, path of the smoothed curve or nothing)."""

    title: str
    note: str
    lines: list[tuple[str, int, str, str]]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    points: str
    """JSON of the points, for the pointer."""
    box: str
    """JSON of [left, right, first x, last x]."""


def chart(title: str, note: str, lines: Sequence[Line]) -> Chart | None:
    """None where no line has a point."""
    lines = [line for line in lines if line.xs]
    if not lines:
        return None
    first, last = min(min(line.xs) for line in lines), max(max(line.xs) for line in lines)
    y_ticks = ticks(min(min(line.ys) for line in lines), max(max(line.ys) for line in lines), 4)
    low, high = y_ticks[0], y_ticks[-1]

    def place(x: float, y: float) -> tuple[float, float]:
        right = (x - first) / (last - first) if last > first else 0.5
        return LEFT + right * (RIGHT - LEFT), BOTTOM - (y - low) / (high - low) * (BOTTOM - TOP)

    def path(xs: Sequence[float], ys: Sequence[float]) -> str:
        return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in map(place, xs, ys))

    smooth = [path(line.xs, smoothed(line.ys)) if len(line.ys) >= NUM_SMOOTHED else "" for line in lines]
    told = [
        {
            "name": line.name,
            "colour": line.colour % NUM_COLOURS,
            "x": line.xs,
            "y": [float(f"{y:.4g}") for y in line.ys],
        }
        for line in lines
    ]
    return Chart(
        title=title,
        note=note,
        lines=[
            (line.name, line.colour % NUM_COLOURS, path(line.xs, line.ys), over)
            for line, over in zip(lines, smooth, strict=True)
        ],
        x_ticks=[(place(x, low)[0], _number(x)) for x in ticks(first, last, 4) if first <= x <= last],
        y_ticks=[(place(first, y)[1], _number(y)) for y in y_ticks],
        points=json.dumps(told),
        box=json.dumps([LEFT, RIGHT, first, last]),
    )


def smoothed(ys: Sequence[float]) -> list[float]:
    """Each point's mean with its neighbours, a twentieth of the curve to either side, fewer at the ends."""
    reach = max(1, len(ys) // 20)
    spans = [
        ys[place - near : place + near + 1]
        for place, near in ((place, min(reach, place, len(ys) - 1 - place)) for place in range(len(ys)))
    ]
    return [sum(span) / len(span) for span in spans]


def ticks(low: float, high: float, num: int) -> list[float]:
    """About `num` round numbers whose first and last hold the range between them."""
    if high <= low:
        low, high = (0.0, 1.0) if low == 0 else (min(0.0, 2 * low), max(0.0, 2 * low))
    rough = (high - low) / num
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * unit for factor in (1, 2, 2.5, 5, 10) if factor * unit >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{place * step:.12g}") for place in range(first, last + 1)]


def _number(value: float) -> str:
    """As short as it can be read."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
