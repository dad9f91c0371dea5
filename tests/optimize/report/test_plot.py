from itertools import combinations
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_reports import usual_report

from optimize.report.plot import Point, latency_plot, plot, size_plot

SVG = "{http://www.w3.org/2000/svg}"
POINTS = st.lists(
    st.builds(Point, st.text(min_size=1, max_size=40), st.floats(0.01, 1000), st.floats(0, 100)),
    min_size=1,
    max_size=8,
    unique_by=lambda point: point.name,
)


def draw(points, width_px=560) -> ElementTree.Element:
    return parse(plot(points, cost="cost", unit="ms", width_px=width_px))


def parse(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314  # our own


def texts(root) -> list[str]:
    return [found.text for found in root.iter(f"{SVG}text")]


def tooltips(root, kind: str) -> list[str]:
    """Of the marks of one kind: "best" or "beaten"."""
    return [group.find(f"{SVG}title").text for group in root.iter(f"{SVG}g") if group.get("class") == f"mark {kind}"]


def shape(root, name: str) -> str:
    """The outline that marks a point."""
    [group] = [g for g in root.iter(f"{SVG}g") if g.findtext(f"{SVG}title", "").startswith(f"{name}:")]
    return next(group.iter(f"{SVG}path")).get("d")


def place(root, name: str) -> tuple[float, float]:
    """Where a point is marked."""
    [group] = [g for g in root.iter(f"{SVG}g") if g.findtext(f"{SVG}title", "").startswith(f"{name}:")]
    mark = next(group.iter(f"{SVG}use"))
    return float(mark.get("x")), float(mark.get("y"))


def boxes(root, names) -> list[tuple[float, float, float, float]]:
    """The least room that each name takes: its letters are 12 px high, and some 4 px wide at least."""
    placed = [text for text in root.iter(f"{SVG}text") if text.text in names]
    found = [(float(text.get("x")), float(text.get("y")), 2 * len(text.text)) for text in placed]
    return [(x - half, y - 9, x + half, y) for x, y, half in found]


@pytest.mark.parametrize("draw_report", [latency_plot, size_plot])
def test_every_model_is_a_point_with_its_name(draw_report):
    root = parse(draw_report(usual_report(), width_px=560))
    assert {"dense:1", "small:1"} <= set(texts(root))
    assert len(tooltips(root, "best")) == 2
    assert root.get("viewBox") == "0 0 560 400"


def test_axes_have_titles_units_and_round_numbers():
    found = texts(parse(latency_plot(usual_report(), width_px=560)))
    assert {"top-1 accuracy, %", "latency of one image on one core, ms"} <= set(found)
    assert {"0.6", "0.8", "92.2", "93.0"} <= set(found)


def test_costs_that_differ_by_multiples_have_a_logarithmic_axis():
    found = texts(draw([Point("a", 0.3, 90), Point("b", 30, 91)]))
    assert {"cost (logarithmic)", "0.5", "1", "2", "5", "10", "20"} <= set(found)
    assert "cost" in texts(draw([Point("a", 10, 90), Point("b", 30, 91)]))


def test_accuracy_has_no_numbers_below_zero_or_beyond_a_hundred():
    found = texts(draw([Point("a", 1, 0), Point("b", 2, 100)]))
    assert {"0", "100"} <= set(found)
    assert not {"120", "\N{MINUS SIGN}20"} & set(found)


def test_beaten_models_are_off_the_frontier_and_external_ones_are_diamonds():
    root = draw([Point("best", 1, 90), Point("beaten", 2, 80, is_external=True), Point("slow", 3, 95)])
    assert tooltips(root, "beaten") == ["beaten: 80.00 %, 2.00 ms"]
    assert len(tooltips(root, "best")) == 2
    assert "C" in shape(root, "best")  # a circle has curves
    assert "C" not in shape(root, "beaten")


def test_spread_is_a_whisker_and_the_baseline_has_a_ring():
    def num_of(kind, point):
        return sum(1 for found in draw([point]).iter() if found.get("class") == kind)

    assert (num_of("whisker", Point("a", 1, 90)), num_of("ring", Point("a", 1, 90))) == (0, 0)
    assert num_of("whisker", Point("a", 1, 90, (0.995, 1.002))) == 1
    assert num_of("ring", Point("a", 1, 90, is_baseline=True)) == 1


def test_long_names_are_cut_and_full_in_the_tooltip():
    name = "a-name-that-is-far-too-long-for-any-plot:12"
    root = draw([Point(name, 1, 90)], width_px=358)
    assert "a-name-that-is…" in texts(root)
    assert tooltips(root, "best")[0].startswith(name)


def test_names_cannot_become_markup_or_mathematics():
    name = '<b id="a_1">$x^2$</b>: #ffffff'
    root = draw([Point(name, 1, 90)], width_px=800)
    assert '<b id="a_1">$x^2$</b>: #f…' in texts(root)
    assert tooltips(root, "best") == [f"{name}: 90.00 %, 1.00 ms"]


def test_names_of_points_in_one_heap_do_not_cover_each_other():
    names = [f"model-{index}" for index in range(12)]
    root = draw([Point(name, 1 + 0.001 * index, 90 + index % 3 / 100) for index, name in enumerate(names)])
    found = boxes(root, names)
    assert len(found) == 12
    for one, other in combinations(found, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_name_is_beside_the_whisker_of_its_point():
    root = draw([Point("best", 1, 95), Point("beaten", 1.2, 90, (1.15, 1.9)), Point("slow", 2, 91)])
    [(left, top, right, bottom)] = boxes(root, ["beaten"])
    x, y = place(root, "beaten")
    assert bottom <= y or top >= y or right <= x or left >= x + 300  # it ends there


@pytest.mark.parametrize("apart", [0.045, 0.0475, 0.05])
def test_name_is_outside_the_ring_of_the_baseline(apart):
    points = [Point("base", 1, 95, is_baseline=True), Point("l", 1 - apart, 95), Point("slow", 2, 91)]
    root = draw(points)
    [(left, top, right, bottom)] = boxes(root, ["l"])
    x, y = place(root, "base")
    assert right <= x - 9 or left >= x + 9 or bottom <= y - 9 or top >= y + 9


def test_same_points_give_the_same_bytes_and_two_plots_share_no_id():
    first, again = (latency_plot(usual_report(), width_px=358) for _ in range(2))
    assert first == again
    pages = [first, latency_plot(usual_report(), width_px=560), size_plot(usual_report(), width_px=358)]
    ids = [found.get("id") for page in pages for found in parse(page).iter() if found.get("id")]
    assert ids
    assert len(ids) == len(set(ids))


def test_picture_turns_dark_with_the_page_around_it():
    svg = latency_plot(usual_report(), width_px=358)
    assert "prefers-color-scheme: dark" in svg
    assert "#" not in svg.partition("</style>")[2].replace("url(#", "").replace('href="#', "")


@given(POINTS, st.sampled_from([358, 560]))
@settings(max_examples=15)
def test_any_points_make_a_picture_that_stays_inside_its_frame(points, width_px):
    root = draw(points, width_px)
    assert len(tooltips(root, "best") + tooltips(root, "beaten")) == len(points)
    for mark in root.iter(f"{SVG}use"):
        assert 0 <= float(mark.get("x")) <= width_px
        assert 0 <= float(mark.get("y")) <= 400
