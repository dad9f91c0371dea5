"""Draw accuracy against a cost as an SVG picture: every model is a point, and the best of them are joined."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter
from matplotlib.transforms import Bbox, IdentityTransform

from optimize.report.columns import number
from optimize.report.figures import Report
from optimize.report.pareto import frontier
from optimize.report.row import Row
from training.report.page import printable
from training.report.svg import ACCENT, GRID, INK, SOFT, SURFACE, drawing, inlined

_HEIGHT_PX = 400
_LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 44, 14, 34, 46  # around the axes
_MARK_PX, _RING_PX = 10.0, 18.0  # diameters
_LEADER_FROM_PX = 14.0  # a name that is farther from its point gets a line to it
_DISTANCES_PX = (9, 13, 18, 25, 34, 46, 62, 84, 112, 150, 200, 270)
_DIRECTIONS = [(math.cos(step * math.pi / 12), math.sin(step * math.pi / 12)) for step in range(24)]
_LOG_FROM = 4.0  # largest over smallest cost


@dataclass(frozen=True, slots=True)
class Point:
    """One model.

    Attributes:
        name: to write at it.
        cost: in the unit of the axis, > 0.
        accuracy: percent.
        spread: lowest and highest cost of a whisker; None for none.
        is_external: drawn as a diamond instead of a circle.
        is_baseline: drawn with a ring.
    """

    name: str
    cost: float
    accuracy: float
    spread: tuple[float, float] | None = None
    is_external: bool = False
    is_baseline: bool = False


def latency_plot(report: Report, *, width_px: int) -> Markup:
    """Draw top-1 accuracy against the latency of one image on one core, with the middle half of its rounds."""
    points = [
        _point(report, row, row.latency.one_core_ms, spread=row.latency.one_core.quartiles) for row in report.rows
    ]
    return plot(points, cost="latency of one image on one core, ms", unit="ms", width_px=width_px)


def size_plot(report: Report, *, width_px: int) -> Markup:
    """Draw top-1 accuracy against the size of the file."""
    points = [_point(report, row, row.file.num_bytes / 1000) for row in report.rows]
    return plot(points, cost="size of the file, kB", unit="kB", width_px=width_px)


def _point(report: Report, row: Row, cost: float, *, spread: tuple[float, float] | None = None) -> Point:
    is_baseline = row.name == report.baseline
    return Point(row.name, cost, 100 * row.accuracy.metrics.top1, spread, row.is_external, is_baseline)


def plot(points: Sequence[Point], *, cost: str, unit: str, width_px: int) -> Markup:
    """Draw the picture; a name that finds no room stands only in its point's tooltip.

    Args:
        points: at least one.
        cost: what the horizontal axis shows, with its unit.
        unit: of the cost, for the tooltips.
        width_px: of the picture, at which its text has 12 px.
    """
    best = frontier({point.name: (point.cost, point.accuracy) for point in points})
    ordered = sorted(points, key=lambda point: point.name not in best)  # the best choose their places first
    with drawing(width_px, _HEIGHT_PX, salt=f"{cost} {width_px}") as figure:
        axes = _axes(figure, points, cost, width_px)
        lines = _draw_frontier(axes, [point for name in best for point in points if point.name == name])
        for index, point in enumerate(ordered):
            _draw_mark(axes, point, f"point-{index}", is_best=point.name in best)
        _write_names(axes, ordered, lines, longest=26 if width_px > 500 else 15)
        svg = str(inlined(figure, description=f"top-1 accuracy against {cost}"))
    svg = re.sub('<g id="(ring|whisker)">', r'<g class="\1">', svg)
    for index, point in enumerate(ordered):
        group = f'<g class="mark {"best" if point.name in best else "beaten"}">'
        title = f"{printable(point.name)}: {point.accuracy:.2f} %, {number(point.cost)} {unit}"
        svg = svg.replace(f'<g id="point-{index}">', f"{group}<title>{escape(title)}</title>")
    return Markup(svg)  # noqa: S704  # names are escaped: above, and by matplotlib


def _axes(figure: Figure, points: Sequence[Point], cost: str, width_px: int) -> Axes:
    inner_px = width_px - _LEFT_PX - _RIGHT_PX, _HEIGHT_PX - _TOP_PX - _BOTTOM_PX
    left, bottom = _LEFT_PX / width_px, _BOTTOM_PX / _HEIGHT_PX
    axes = figure.add_axes((left, bottom, inner_px[0] / width_px, inner_px[1] / _HEIGHT_PX), facecolor=SURFACE)
    axes.set_axisbelow(True)
    axes.grid(color=GRID, linewidth=1)
    axes.tick_params(length=0, labelcolor=SOFT, labelsize=11)
    axes.spines[:].set_visible(False)
    ends = [end for point in points for end in (point.cost, *(point.spread or ()))]
    is_log = max(ends) >= _LOG_FROM * min(ends)
    if is_log:
        axes.set_xscale("log")
        ratio = max(ends) / min(ends)
        axes.set_xlim(min(ends) / ratio**0.08, max(ends) * ratio**0.08)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if ratio > 10 else (1, 1.5, 2, 3, 4, 5, 7)))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.set_xlim(_limits(ends))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    low, high = _limits([point.accuracy for point in points])
    axes.set_ylim(max(low, 0), min(high, 100))
    figure.text(10 / width_px, 1 - 20 / _HEIGHT_PX, "top-1 accuracy, %", color=SOFT)
    axes.set_xlabel(cost + (" (logarithmic)" if is_log else ""), loc="right", color=SOFT)
    return axes


def _limits(values: Sequence[float]) -> tuple[float, float]:
    """Ends of an axis around values; differences of less than 0.2 % do not fill it."""
    room = max(0.08 * (max(values) - min(values)), 0.002 * max(values)) or 1.0
    return min(values) - room, max(values) + room


def _draw_frontier(axes: Axes, best: Sequence[Point]) -> list[Bbox]:
    """Draw along each accuracy until the cost at which there is a better one; returns the segments in px."""
    corners = [(best[0].cost, axes.get_ylim()[0])]
    for point, following in itertools.zip_longest(best, best[1:]):
        end = following.cost if following else axes.get_xlim()[1]
        corners += [(point.cost, point.accuracy), (end, point.accuracy)]
    axes.plot(*zip(*corners, strict=True), color=ACCENT, linewidth=1.5, dashes=(4, 3), alpha=0.8)
    return [Bbox(segment).padded(1) for segment in itertools.pairwise(axes.transData.transform(corners))]


def _draw_mark(axes: Axes, point: Point, group_id: str, *, is_best: bool) -> None:
    if point.spread:
        axes.hlines(point.accuracy, *point.spread, color=SOFT, linewidth=1.75, gid="whisker")
    if point.is_baseline:
        axes.plot(point.cost, point.accuracy, "o", ms=_RING_PX, mfc="none", mec=INK, mew=1.25, gid="ring")
    face, edge = (ACCENT, ACCENT) if is_best else (SURFACE, SOFT)
    shape = "D" if point.is_external else "o"
    size = _MARK_PX * (0.85 if point.is_external else 1)
    axes.plot(
        point.cost,
        point.accuracy,
        shape,
        ms=size,
        mfc=face,
        mec=edge,
        mew=1.75,
        gid=group_id,
        zorder=4 if is_best else 3,
    )


def _write_names(axes: Axes, points: Sequence[Point], lines: Sequence[Bbox], *, longest: int) -> None:
    """Write each name as near to its point as it covers no point, no other name and, if that can be, no line."""
    places = axes.transData.transform([(point.cost, point.accuracy) for point in points])
    taken = [
        Bbox([place, place]).padded((_RING_PX if point.is_baseline else _MARK_PX) / 2 + 2)
        for point, place in zip(points, places, strict=True)
    ]
    whiskers = [[(end, point.accuracy) for end in point.spread] for point in points if point.spread]
    lines = [*lines, *(Bbox(axes.transData.transform(ends)).padded(1) for ends in whiskers)]
    for point, (x, y) in zip(points, places, strict=True):
        name = printable(point.name)
        text = name if len(name) <= longest else f"{name[: longest - 1]}…"
        label = axes.text(
            x, y, text, transform=IdentityTransform(), ha="center", va="center", color=INK, parse_math=False
        )
        size = label.get_window_extent()
        around = (
            size.translated(across * (distance + size.width / 2), up * (distance + size.height / 2))
            for distance in _DISTANCES_PX
            for across, up in _DIRECTIONS
        )
        inside = [box for box in around if axes.bbox.count_contains(box.corners()) == 4]
        free = [box for box in inside if not box.count_overlaps(taken)]
        if not free:
            label.remove()
            continue
        box = next((box for box in free if not box.count_overlaps(lines)), free[0])
        taken.append(box)
        label.set_position(box.get_points().mean(axis=0))
        near = min(max(x, box.x0), box.x1), min(max(y, box.y0), box.y1)
        if math.dist((x, y), near) > _LEADER_FROM_PX:
            axes.plot((x, near[0]), (y, near[1]), transform=IdentityTransform(), color=SOFT, linewidth=0.75)
