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


def parse(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314  # our own


def of_class(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [found for found in root.iter() if found.get("class") == name]


@pytest.mark.parametrize("draw", [latency_plot, size_plot])
def test_every_model_is_a_point_with_its_name(draw):
    root = parse(draw(usual_report(), width_px=560))
    assert {name.text for name in of_class(root, "name")} == {"dense:1", "small:1"}
    assert len(of_class(root, "mark")) == 2
    assert len(of_class(root, "ring")) == 1
    assert root.get("viewBox") == "0 0 560 400"


def test_axes_have_titles_units_and_ticks():
    root = parse(latency_plot(usual_report(), width_px=560))
    assert [title.text for title in of_class(root, "title")] == [
        "top-1 accuracy, %",
        "latency of one image on one core, ms",
    ]
    assert {"0.6", "0.8", "92", "93"} <= {tick.text for tick in of_class(root, "tick")}


def test_beaten_models_are_off_the_frontier_and_external_ones_are_diamonds():
    points = [Point("best", 1, 90), Point("beaten", 2, 80, is_external=True), Point("slow", 3, 95)]
    root = parse(plot(points, cost="cost", unit="ms", width_px=560))
    [beaten] = of_class(root, "beaten")
    assert beaten.find(f"{SVG}title").text == "beaten: 80.00 %, 2.00 ms"
    assert beaten.find(f"{SVG}path") is not None
    assert len(of_class(root, "best")) == 2
    assert len(of_class(root, "frontier")) == 4  # along and up, twice


def test_spread_is_a_whisker():
    root = parse(plot([Point("a", 1, 90, (0.9, 1.2))], cost="cost", unit="ms", width_px=560))
    [whisker] = of_class(root, "whisker")
    assert float(whisker.get("x1")) < float(whisker.get("x2"))


def test_long_names_are_cut_and_full_in_the_tooltip():
    name = "a-name-that-is-far-too-long-for-any-plot:12"
    root = parse(plot([Point(name, 1, 90)], cost="cost", unit="ms", width_px=358))
    assert [text.text for text in of_class(root, "name")] == ["a-name-that-is…"]
    assert of_class(root, "best")[0].find(f"{SVG}title").text.startswith(name)


@given(POINTS, st.sampled_from([358, 560]))
@settings(max_examples=25)
def test_any_points_make_a_picture_that_stays_inside_its_frame(points, width_px):
    root = parse(plot(points, cost="cost", unit="ms", width_px=width_px))
    assert len(of_class(root, "mark")) == len(points)
    for circle in of_class(root, "mark"):
        assert 0 <= float(circle.get("cx")) <= width_px
        assert 0 <= float(circle.get("cy")) <= 400
