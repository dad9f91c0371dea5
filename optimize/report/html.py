"""A report as one HTML page that needs nothing else: plots, tables, operators, how it was measured."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from optimize.report.columns import COLUMNS
from optimize.report.figures import Report
from optimize.report.markup import Markup, element, joined
from optimize.report.plot import latency_plot, size_plot
from optimize.report.row import Row
from optimize.report.words import FOR_GPUS, GPU_HEADER, counted, measurement, of_class, on_gpu, operators

_STYLE_FILE = Path(__file__).with_name("page.css")
_WIDE_PX, _NARROW_PX = 560, 358
_MAX_CLASSES = 40  # on the page; all are in report.json
_FULL_POINTS = 8.0  # change of a class that has the strongest colour
_FULL_SHARE = 48  # percent of that colour
_CAPTION = (
    "Filled: no other is at once better and {cheaper}. Hollow: beaten by one that is. Ring: the baseline. "
    "Diamond: a file from elsewhere."
)


def html(report: Report) -> str:
    """The whole page."""
    title = f"{report.data_name}: {len(report.rows)} models compared"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(_STYLE_FILE.read_text())),
    )
    body = element("body", element("h1", title), *_lead(report), *_plots(report), *_figures(report), *_rest(report))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _lead(report: Report) -> Iterable[Markup]:
    machine = report.machine
    measured = f"{report.num_images:,} test images, {machine.num_cores} cores of {machine.cpu}, {machine.date[:10]}. "
    yield element("p", measured, "The small print of each figure is against ", element("b", report.baseline), ".")
    for note in report.notes:
        yield element("p", note, class_="soft")


def _plots(report: Report) -> Iterable[Markup]:
    yield element("h2", "Accuracy against cost")
    figures = []
    for draw, caption in (
        (latency_plot, _CAPTION.format(cheaper="faster") + " Whiskers: the middle half of the rounds."),
        (size_plot, _CAPTION.format(cheaper="smaller")),
    ):
        wide = element("div", draw(report, width_px=_WIDE_PX), class_="wide")
        narrow = element("div", draw(report, width_px=_NARROW_PX), class_="narrow")
        figures.append(element("figure", wide, narrow, element("figcaption", caption)))
    yield element("div", *figures, class_="plots")


def _figures(report: Report) -> Iterable[Markup]:
    yield element("h2", "Figures")
    titles = [element("th", column.title, scope="col", title=column.meaning) for column in COLUMNS]
    rows = []
    for row in report.rows:
        said = f"{row.precision}, baseline" if row.name == report.baseline else row.precision
        name = element("th", row.name, element("small", said), scope="row")
        cells = [
            element("td", column.value(row), element("small", report.against(column, row)), data_title=column.title)
            for column in COLUMNS
        ]
        rows.append(element("tr", name, *cells))
    yield _table(element("tr", element("th", "model", scope="col"), *titles), rows, class_="scroll figures")


def _rest(report: Report) -> Iterable[Markup]:
    yield element("h2", "Who pays: accuracy by class")
    yield from _classes(report)
    yield from _on_gpu(report)
    yield element("h2", "Operators")
    yield element("p", "Red: takes or gives floats.", class_="soft")
    yield element("dl", *(part for row in report.rows for part in _operators(row)), class_="operators")
    yield element("h2", "What the columns say")
    yield _list((column.title, column.meaning) for column in COLUMNS)
    yield element("h2", "How it was measured")
    yield _list(measurement(report))


def _classes(report: Report) -> Iterable[Markup]:
    indices = sorted(range(len(report.labels)), key=lambda index: _worst(report, index))[:_MAX_CLASSES]
    left_out = (
        f" The {_MAX_CLASSES} that lose most of {len(report.labels)}." if len(report.labels) > _MAX_CLASSES else ""
    )
    yield element(
        "p",
        f"Test images of a class that {report.baseline} tells right, and the change in points; the class that loses "
        f"most comes first.{left_out}",
        class_="soft",
    )
    header = [element("th", row.name, scope="col") for row in report.rows]
    rows = [
        element(
            "tr", element("th", report.labels[index], scope="row"), *(_class(report, row, index) for row in report.rows)
        )
        for index in indices
    ]
    yield _table(element("tr", element("th", "class", scope="col"), *header), rows, class_="scroll classes")


def _worst(report: Report, index: int) -> float:
    changes = [row.changes.by_class[index] for row in report.rows if row.name != report.baseline]
    return min((change for change in changes if change is not None), default=0.0)


def _class(report: Report, row: Row, index: int) -> Markup:
    said, change = of_class(report, row, index), row.changes.by_class[index]
    if not change:  # such as the baseline's
        return element("td", said)
    share = min(_FULL_SHARE, round(_FULL_SHARE * abs(change) / _FULL_POINTS))
    return element("td", said, class_="gain" if change > 0 else "loss", style=f"--share: {share}%")


def _on_gpu(report: Report) -> Iterable[Markup]:
    rows = [(row.name, on_gpu(row.on_gpu)) for row in report.rows if row.on_gpu]
    if not rows:
        return
    yield element("h2", "Files for GPUs")
    yield element("p", FOR_GPUS, class_="soft")
    header = element("tr", *(element("th", title, scope="col") for title in GPU_HEADER))
    lines = [
        element("tr", element("th", name, scope="row"), *(element("td", cell) for cell in cells))
        for name, cells in rows
    ]
    yield _table(header, lines, class_="scroll classes")


def _operators(row: Row) -> Iterable[Markup]:
    floats = set(row.file.float_operators)
    chips = [
        element("li", counted(name, count), class_="float" if name in floats else None)
        for name, count in row.file.operators.items()
    ]
    yield element("dt", row.name)
    words = f"on floats: {operators(row.file)[1]}"
    yield element("dd", element("ul", *chips, class_="chips"), element("span", words, class_="soft"))


def _table(header: Markup, rows: Iterable[Markup], *, class_: str) -> Markup:
    table = element("table", element("thead", header), element("tbody", *rows))
    return element("div", table, class_=class_, tabindex="0")


def _list(facts: Iterable[tuple[str, str]]) -> Markup:
    return element("dl", joined(*(joined(element("dt", what), element("dd", said)) for what, said in facts)))
