"""Charts along the steps of a training, as SVG that takes its colours from the page: lines with bands, areas, ticks.

Each is drawn along a logarithmic and a linear axis; the page shows one of the two, without a script.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from errtax.reports.wording import short_number

AXES = ("log", "linear")
MOST = 240
"""Steps that are drawn; of more, so many that are evenly spaced."""
_FEW = 80  # points that are marked and have titles of their own
_LEFT, _TOP, _BOTTOM = 40, 8, 20


@dataclass(frozen=True)
class Line:
    """`kind`: a class of the style sheet; `label`: what stands at the end, if anything; `low`, `high`: of a band."""

    kind: str
    title: str
    values: Sequence[float]
    label: str = ""
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()


@dataclass(frozen=True)
class Chart:
    """`steps`: ascending, each line has a value for each.  `form`: prints a value.  `zero`: a line is drawn there.

    `right`: room for labels beside the lines' ends.  `stacked`: lines are areas, one on top of the other.
    """

    name: str
    steps: Sequence[int]
    lines: Sequence[Line]
    form: Callable[[float], str]
    width: int = 300
    height: int = 150
    right: int = 10
    from_zero: bool = True
    stacked: bool = False

    def svg(self) -> str:
        """The chart along both axes."""
        return "".join(_Drawing(self, axis).svg() for axis in AXES)


class _Drawing:
    """A chart along one axis: where its points are."""

    def __init__(self, chart: Chart, axis: str) -> None:
        self.chart, self.axis = chart, axis
        steps = chart.steps
        self.shown = sorted({round(k * (len(steps) - 1) / max(min(len(steps), MOST) - 1, 1)) for k in range(MOST)})
        self.shown = [k for k in self.shown if k < len(steps)]
        self.left, self.end = self._along(steps[0]), self._along(steps[-1])
        values = [value for line in self._drawn() for value in line if math.isfinite(value)] or [0.0]
        if not chart.stacked:
            values += [end for line in chart.lines for ends in (line.low, line.high) for end in ends if end is not None]
        low, high = min(values), max(values)
        self.low = min(low, 0.0) if chart.from_zero else low
        self.high = high if high > self.low else self.low + 1
        pad = 0.06 * (self.high - self.low)
        self.high += pad
        self.low -= 0.0 if self.low == 0 else pad

    def _along(self, step: float) -> float:
        return math.log10(max(step, 1)) if self.axis == "log" else float(step)

    def _drawn(self) -> list[list[float]]:
        """The values of the lines, or the upper ends of stacked areas."""
        if not self.chart.stacked:
            return [list(line.values) for line in self.chart.lines]
        tops, below = [], [0.0] * len(self.chart.steps)
        for line in self.chart.lines:
            below = [a + b for a, b in zip(below, line.values, strict=True)]
            tops.append(below)
        return tops

    def x(self, step: float) -> float:
        width = self.chart.width - _LEFT - self.chart.right
        return _LEFT + width * (self._along(step) - self.left) / ((self.end - self.left) or 1.0)

    def y(self, value: float) -> float:
        height = self.chart.height - _TOP - _BOTTOM
        return _TOP + height * (self.high - value) / (self.high - self.low)

    def _points(self, values: Sequence[float | None], back: bool = False) -> str:
        pairs = [(self.chart.steps[k], values[k]) for k in (self.shown[::-1] if back else self.shown)]
        known = [(step, value) for step, value in pairs if value is not None and math.isfinite(value)]
        return " ".join(f"{self.x(step):.1f},{self.y(value):.1f}" for step, value in known)

    def svg(self) -> str:
        chart = self.chart
        said = f"{chart.name} by training step; the numbers are in the table"
        box = f'viewBox="0 0 {chart.width} {chart.height}" role="img" aria-label="{escape(said)}"'
        parts = [*self._grid(), *(self._areas() if chart.stacked else self._lines()), *self._labels()]
        return f'<svg xmlns="http://www.w3.org/2000/svg" class="{self.axis}" {box}>{"".join(parts)}</svg>'

    def _grid(self) -> list[str]:
        chart, bottom, right = self.chart, self.chart.height - _BOTTOM, self.chart.width - self.chart.right
        parts = []
        for value in ticks(self.low, self.high, 5):
            y = self.y(value)
            kind = "axis" if value == 0 else "grid"
            parts.append(f'<path class="{kind}" d="M{_LEFT} {y:.1f}H{right}"/>')
            parts.append(
                f'<text class="tick" x="{_LEFT - 5}" y="{y + 3:.1f}" text-anchor="end">{chart.form(value)}</text>'
            )
        for step in self._step_ticks():
            x = self.x(step)
            parts.append(f'<path class="axis" d="M{x:.1f} {bottom}v4"/>')
            label = short_number(step) or f"{step:,g}"
            parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 14}" text-anchor="middle">{label}</text>')
        return parts

    def _step_ticks(self) -> list[float]:
        first, last = self.chart.steps[0], self.chart.steps[-1]
        if self.axis == "linear":
            return [step for step in ticks(first, last, 4) if first <= step <= last] or [first]
        decades = range(int(math.log10(max(first, 1))), int(math.log10(max(last, 1))) + 1)
        marks = [m * 10**decade for decade in decades for m in (1, 2, 5) if first <= m * 10**decade <= last]
        if len(marks) > 6:
            marks = [mark for mark in marks if str(mark)[0] == "1"]
        return marks or [first]

    def _lines(self) -> list[str]:
        parts = []
        for line in self.chart.lines:
            if line.low and None not in line.low:
                band = f"{self._points(line.high)} {self._points(line.low, back=True)}"
                parts.append(f'<polygon class="band {line.kind}" points="{band}"/>')
        for line in self.chart.lines:
            parts.append(f'<polyline class="line {line.kind}" points="{self._points(line.values)}"/>')
            parts += self._marks(line)
        return parts

    def _marks(self, line: Line) -> list[str]:
        """A point for each step, or for the last one of many, that says its value."""
        chosen = self.shown if len(self.shown) <= _FEW else self.shown[-1:]
        places = [(k, self.chart.steps[k], line.values[k]) for k in chosen if math.isfinite(line.values[k])]
        radius = 2.2 if len(chosen) <= 40 else 1.6
        return [
            f'<circle class="dot {line.kind}" cx="{self.x(step):.1f}" cy="{self.y(value):.1f}" '
            f'r="{3 if k == self.shown[-1] else radius}"><title>{escape(line.title)}, step {step:,}: '
            f"{self.chart.form(value)}</title></circle>"
            for k, step, value in places
        ]

    def _areas(self) -> list[str]:
        parts, below = [], [0.0] * len(self.chart.steps)
        for line, top in zip(self.chart.lines, self._drawn(), strict=True):
            points = f"{self._points(top)} {self._points(below, back=True)}"
            said = f"{line.title}: {self.chart.form(line.values[-1])} at step {self.chart.steps[-1]:,}"
            parts.append(f'<polygon class="area {line.kind}" points="{points}"><title>{escape(said)}</title></polygon>')
            below = top
        return parts

    def _labels(self) -> list[str]:
        """What stands beside the lines' ends, moved apart so that none covers another."""
        drawn, below = self._drawn(), 0.0
        places = []
        for line, values in zip(self.chart.lines, drawn, strict=True):
            middle = (values[-1] + below) / 2 if self.chart.stacked else values[-1]
            below = values[-1] if self.chart.stacked else below
            if line.label and math.isfinite(middle):
                places.append((self.y(middle), line))
        places.sort(key=lambda each: each[0])
        x = self.chart.width - self.chart.right + 6
        ys = apart([y for y, _ in places], 11, _TOP, self.chart.height - _BOTTOM)
        return [
            f'<text class="end {line.kind}" x="{x}" y="{y + 3.5:.1f}">{escape(line.label)}</text>'
            for y, (_, line) in zip(ys, places, strict=True)
        ]


def ticks(low: float, high: float, n: int) -> list[float]:
    """About n round numbers from low to high.

    >>> ticks(0, 47, 4), ticks(-0.3, 1.1, 4)
    ([0.0, 20.0, 40.0], [0.0, 0.5, 1.0])
    """
    rough = (high - low) / n
    power = 10 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    size = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999) if rough > 0 else 1.0
    return [round(k * size, 12) + 0.0 for k in range(math.ceil(low / size - 1e-9), math.floor(high / size + 1e-9) + 1)]


def apart(places: Sequence[float], gap: float, first: float, last: float) -> list[float]:
    """Ascending places moved so that neighbours are `gap` apart, if there is room for that.

    >>> apart([10, 11, 50], 10, 0, 100)
    [10, 20, 50]
    """
    found = list(places)
    gap = min(gap, (last - first) / max(len(found) - 1, 1))
    for k, place in enumerate(found):
        found[k] = max(place, found[k - 1] + gap) if k else max(place, first)
    for k in reversed(range(len(found))):
        found[k] = min(found[k], found[k + 1] - gap) if k + 1 < len(found) else min(found[k], last)
    return found
