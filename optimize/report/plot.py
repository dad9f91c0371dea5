"""Accuracy against a cost, as an SVG picture: every model a point, the best of them joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from unicodedata import east_asian_width

from optimize.report.axis import Axis, cost_axis, linear_axis
from optimize.report.columns import number
from optimize.report.figures import Report
from optimize.report.label_placement import Box, Name, place
from optimize.report.markup import Markup, element
from optimize.report.pareto import frontier

_STYLE_FILE = Path(__file__).with_name("plot.css")
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 14.0, 34.0, 46.0
_MARK_PX = 5.0  # radius
_NAME_HEIGHT_PX = 15.0
_LEADER_FROM_PX = 14.0


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
    """Top-1 accuracy against the latency of one image on one core, with the middle half of its rounds."""
    points = [
        Point(
            row.name,
            row.latency.one_core_ms,
            100 * row.accuracy.metrics.top1,
            row.latency.one_core.quartiles,
            row.is_external,
            row.name == report.baseline,
        )
        for row in report.rows
    ]
    return plot(points, cost="latency of one image on one core, ms", unit="ms", width_px=width_px)


def size_plot(report: Report, *, width_px: int) -> Markup:
    """Top-1 accuracy against the size of the file."""
    points = [
        Point(
            row.name,
            row.file.num_bytes / 1000,
            100 * row.accuracy.metrics.top1,
            is_external=row.is_external,
            is_baseline=row.name == report.baseline,
        )
        for row in report.rows
    ]
    return plot(points, cost="size of the file, kB", unit="kB", width_px=width_px)


def plot(points: Sequence[Point], *, cost: str, unit: str, width_px: int, height_px: int = 400) -> Markup:
    """The picture; names that find no room are only in its tooltips.

    Args:
        points: at least one.
        cost: what the horizontal axis shows, with its unit.
        unit: of the cost, for the tooltips.
        width_px: of the picture, at which its text has 12 px.
        height_px: of the picture.
    """
    canvas = _Canvas.around(points, width_px, height_px)
    best = frontier({point.name: (point.cost, point.accuracy) for point in points})
    # The best choose their places first.
    ordered = sorted(points, key=lambda point: point.name not in best)
    steps = canvas.steps([point for name in best for point in points if point.name == name])
    return element(
        "svg",
        element("style", Markup(_STYLE_FILE.read_text())),
        element("rect", class_="ground", width=width_px, height=height_px, rx=12),
        *_axes(canvas, cost),
        *(element("line", class_="frontier", x1=a, y1=b, x2=c, y2=d) for a, b, c, d in steps),
        *_names(canvas, ordered, steps),
        *(_mark(canvas, point, unit, is_best=point.name in best) for point in reversed(ordered)),
        xmlns="http://www.w3.org/2000/svg",
        class_="plot",
        viewBox=f"0 0 {width_px} {height_px}",
        role="img",
        aria_label=f"top-1 accuracy against {cost}",
    )


@dataclass(frozen=True, slots=True)
class _Canvas:
    width_px: float
    height_px: float
    costs: Axis
    accuracies: Axis

    @classmethod
    def around(cls, points: Sequence[Point], width_px: int, height_px: int) -> _Canvas:
        ends = [end for point in points for end in (point.cost, *(point.spread or ()))]
        num_ticks = width_px // 50
        accuracies = linear_axis([point.accuracy for point in points], within=(0, 100))
        return cls(width_px, height_px, cost_axis(ends, num_ticks=num_ticks), accuracies)

    @property
    def area(self) -> Box:
        return Box(_LEFT, _TOP, self.width_px - _RIGHT, self.height_px - _BOTTOM)

    def x(self, cost: float) -> float:
        return self.area.left + self.costs.at(cost) * (self.area.right - self.area.left)

    def y(self, accuracy: float) -> float:
        return self.area.bottom - self.accuracies.at(accuracy) * (self.area.bottom - self.area.top)

    def steps(self, best: Sequence[Point]) -> list[tuple[float, float, float, float]]:
        """The frontier: along at an accuracy until the cost at which there is a better one."""
        corners = [(self.x(point.cost), self.y(point.accuracy)) for point in best]
        ends = [x for x, _ in corners[1:]] + [self.area.right]
        starts = [self.area.bottom] + [y for _, y in corners[:-1]]
        along = [(x, y, end, y) for (x, y), end in zip(corners, ends, strict=True)]
        up = [(x, start, x, y) for (x, y), start in zip(corners, starts, strict=True)]
        return along + up


def _axes(canvas: _Canvas, cost: str) -> list[Markup]:
    area = canvas.area
    parts = []
    for tick in canvas.costs.ticks:
        x = canvas.x(tick)
        parts.append(element("line", class_="grid", x1=x, y1=area.top, x2=x, y2=area.bottom))
        parts.append(element("text", f"{tick:,g}", class_="tick", x=x, y=area.bottom + 17, text_anchor="middle"))
    for tick in canvas.accuracies.ticks:
        y = canvas.y(tick)
        parts.append(element("line", class_="grid", x1=area.left, y1=y, x2=area.right, y2=y))
        parts.append(element("text", f"{tick:g}", class_="tick", x=area.left - 7, y=y + 4, text_anchor="end"))
    scale = " (logarithmic)" if canvas.costs.is_log else ""
    parts.append(element("text", "top-1 accuracy, %", class_="title", x=10, y=20))
    parts.append(
        element("text", cost + scale, class_="title", x=area.right, y=canvas.height_px - 11, text_anchor="end")
    )
    return parts


def _names(
    canvas: _Canvas, points: Sequence[Point], steps: Sequence[tuple[float, float, float, float]]
) -> list[Markup]:
    longest = 26 if canvas.width_px > 500 else 15
    texts = [point.name if len(point.name) <= longest else f"{point.name[: longest - 1]}…" for point in points]
    names = [
        Name(canvas.x(point.cost), canvas.y(point.accuracy), _width_px(text), _NAME_HEIGHT_PX)
        for point, text in zip(points, texts, strict=True)
    ]
    radius = _MARK_PX + 2
    marks = [Box(name.x - radius, name.y - radius, name.x + radius, name.y + radius) for name in names]
    lines = [Box(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in steps]
    boxes = place(names, area=canvas.area, marks=marks, lines=lines)
    parts = []
    for text, name, box in zip(texts, names, boxes, strict=True):
        if box is None:
            continue
        x, y = box.nearest(name.x, name.y)
        if abs(x - name.x) + abs(y - name.y) > _LEADER_FROM_PX:
            parts.append(element("line", class_="leader", x1=name.x, y1=name.y, x2=x, y2=y))
        middle = (box.left + box.right) / 2
        parts.append(element("text", text, class_="name", x=middle, y=box.bottom - 3.5, text_anchor="middle"))
    return parts


def _width_px(text: str) -> float:
    # Of 12 px in the widest of the fonts that a browser may take for sans-serif.
    return sum(12.5 if east_asian_width(letter) in "WF" else 7.2 for letter in text) + 4


def _mark(canvas: _Canvas, point: Point, unit: str, *, is_best: bool) -> Markup:
    x, y = canvas.x(point.cost), canvas.y(point.accuracy)
    parts = [element("title", f"{point.name}: {point.accuracy:.2f} %, {number(point.cost)} {unit}")]
    if point.spread:
        low, high = (canvas.x(end) for end in point.spread)
        parts.append(element("line", class_="whisker", x1=low, y1=y, x2=high, y2=y))
    if point.is_baseline:
        parts.append(element("circle", class_="ring", cx=x, cy=y, r=_MARK_PX + 4))
    if point.is_external:
        side = _MARK_PX + 1
        outline = f"M{x:.2f} {y - side:.2f}l{side} {side}l-{side} {side}l-{side} -{side}z"
        parts.append(element("path", class_="mark", d=outline))
    else:
        parts.append(element("circle", class_="mark", cx=x, cy=y, r=_MARK_PX))
    return element("g", *parts, class_="best" if is_best else "beaten")
