"""Circles for sets of errors: two with areas and overlap to scale, three in a symmetric layout."""

import math
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import Circle, Rectangle

from errtax.reports.figure import wrap_name
from errtax.reports.palette import series
from errtax.taxonomy.studies.overlap import Overlap, Region

_NARROW = 0.5  # a region thinner than this, of a circle of radius 1, has its label outside
_SPREAD = 0.7  # of three centres, from the middle


@dataclass(frozen=True)
class Disc:
    """A circle; the larger one of a diagram of two, and each of three, has radius 1."""

    x: float
    y: float
    radius: float


def lens_area(r: float, s: float, d: float) -> float:
    """The area that circles of radii r and s share, with their centres d apart.

    >>> round(lens_area(1.0, 1.0, 0.0) / math.pi, 12), lens_area(1.0, 1.0, 2.0)
    (1.0, 0.0)
    """
    if d >= r + s or not r or not s:
        return 0.0
    if d <= abs(r - s):
        return math.pi * min(r, s) ** 2
    a = math.acos(max(-1.0, min(1.0, (d * d + r * r - s * s) / (2 * d * r))))
    b = math.acos(max(-1.0, min(1.0, (d * d + s * s - r * r) / (2 * d * s))))
    kite = math.sqrt(max((r + s - d) * (d + r - s) * (d - r + s) * (d + r + s), 0.0))
    return r * r * a + s * s * b - kite / 2


def two_discs(first: float, second: float, both: float) -> tuple[Disc, Disc]:
    """Circles with areas in proportion first : second that share `both` of it, side by side around x = 0.

    The distance of the centres is found by bisection: the shared area falls as it grows.
    """
    largest = max(first, second) or 1.0
    r, s = math.sqrt(first / largest), math.sqrt(second / largest)
    low, high, due = abs(r - s), r + s, math.pi * both / largest
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if lens_area(r, s, middle) > due else (low, middle)
    left, right = min(-r, high - s), max(r, high + s)
    shift = (left + right) / 2
    return Disc(-shift, 0.0, r), Disc(high - shift, 0.0, s)


def three_discs() -> tuple[Disc, Disc, Disc]:
    """Three equal circles whose centres are a triangle: upper left, upper right, below."""
    angles = (math.radians(150), math.radians(30), math.radians(270))
    first, second, third = (Disc(_SPREAD * math.cos(a), _SPREAD * math.sin(a), 1.0) for a in angles)
    return first, second, third


def draw_venn(axes: Axes, overlap: Overlap) -> Axes:
    """The regions in percent of the test set; the frame is the test set, with what none has wrong in its corner."""
    discs, scale = _discs(overlap)
    for k, disc in enumerate(discs):
        colour, _, line = series(k)
        middle = disc.x, disc.y
        axes.add_patch(Circle(middle, disc.radius, facecolor=colour, alpha=0.20, linewidth=0))
        axes.add_patch(Circle(middle, disc.radius, fill=False, edgecolor=colour, linestyle=line, linewidth=1.8))
    if len(discs) == 2:
        _label_two(axes, discs, overlap.regions)
    else:
        _label_three(axes, discs, overlap.regions)
    side = max(1.7, 0.15 + max(abs(disc.x) + disc.radius for disc in discs))
    bottom, top = (-1.6, 1.6) if len(discs) == 2 else (-2.25, 1.85)
    axes.add_patch(Rectangle((-side, bottom), 2 * side, top - bottom, fill=False, edgecolor="#8A8A8A", linewidth=0.8))
    _name_members(axes, overlap, (side - 0.06, bottom + 0.06, top - 0.06))
    _name_rest(axes, overlap, scale, (side - 0.06, bottom + 0.06))
    axes.set(xlim=(-side - 0.02, side + 0.02), ylim=(bottom - 0.02, top + 0.02), aspect="equal", anchor="N")
    axes.axis("off")
    axes.set_title(f"Errors ({overlap.criterion}), % of the test set", size=11, weight="bold")
    return axes


def _discs(overlap: Overlap) -> tuple[tuple[Disc, ...], str]:
    if len(overlap.members) == 3:
        return three_discs(), "areas not to scale"
    return two_discs(overlap.errors(0), overlap.errors(1), overlap.regions[3].count), "circles to scale"


def _share(region: Region) -> str:
    return f"{100 * region.share:.2f} %\n{region.count:,}"


def _name_members(axes: Axes, overlap: Overlap, frame: tuple[float, float, float]) -> None:
    side, bottom, top = frame
    places = ((-side, top, "left", "top"), (side, top, "right", "top"), (0.0, bottom, "center", "bottom"))
    for k, name in enumerate(overlap.members):
        x, y, across, along = places[k]
        text = wrap_name(name, 22)
        share = f"{100 * overlap.errors(k) / overlap.positions:.2f} % wrong"
        axes.text(x, y, f"{text}\n{share}", ha=across, va=along, size=9, color=series(k)[0], weight="bold")


def _name_rest(axes: Axes, overlap: Overlap, scale: str, corner: tuple[float, float]) -> None:
    side, bottom = corner
    axes.text(side, bottom, f"wrong by none\n{_share(overlap.regions[0])}", ha="right", va="bottom", size=8.5)
    text = f"n = {overlap.positions:,}\n{scale}"
    axes.text(-side, bottom, text, ha="left", va="bottom", size=7, color="#555555")


def _label_two(axes: Axes, discs: tuple[Disc, ...], regions: tuple[Region, ...]) -> None:
    """Along the line of the centres: only the first, both, only the second; thin regions are labelled below."""
    one, two = discs
    cuts = [one.x - one.radius, two.x - two.radius, one.x + one.radius, two.x + two.radius]
    spans = ((cuts[0], min(cuts[1], cuts[2])), (cuts[1], cuts[2]), (max(cuts[1], cuts[2]), cuts[3]))
    for (left, right), region, x in zip(spans, (regions[1], regions[3], regions[2]), (-1.0, 0.0, 1.0), strict=True):
        middle = (left + right) / 2
        if right - left >= _NARROW:
            axes.text(middle, 0, _share(region), ha="center", va="center", size=10, weight="bold")
            continue
        axes.plot([middle], [0], "o", color="#555555", markersize=3)
        axes.annotate(
            _share(region),
            (middle, 0),
            (x * 0.62, -1.28),
            ha="center",
            va="center",
            size=9,
            weight="bold",
            arrowprops={"arrowstyle": "-", "color": "#555555", "linewidth": 0.7, "shrinkA": 10, "shrinkB": 0},
        )


def _label_three(axes: Axes, discs: tuple[Disc, ...], regions: tuple[Region, ...]) -> None:
    """On the rays from the middle through the centres (one member), and opposite to them (two)."""
    for index, region in enumerate(regions[1:], 1):
        inside = [disc for k, disc in enumerate(discs) if index >> k & 1]
        reach, size = {1: (1.45, 10), 2: (1.9, 8.5), 3: (0.0, 9)}[len(inside)]
        x, y = (reach * sum(getattr(disc, axis) for disc in inside) / len(inside) for axis in "xy")
        axes.text(x, y, _share(region), ha="center", va="center", size=size, weight="bold")
