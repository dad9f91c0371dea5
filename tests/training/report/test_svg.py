from xml.etree import ElementTree

from training.report.svg import ACCENT, INK, drawing, inlined

SVG = "{http://www.w3.org/2000/svg}"


def draw(salt="a"):
    with drawing(300, 200, salt=salt) as figure:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=ACCENT)
        axes.set_title("<b>猫 & co", color=INK, parse_math=False)
        return inlined(figure, description='a "line"')


def test_a_figure_is_an_element_that_scales_and_says_what_it_shows():
    root = ElementTree.fromstring(draw())  # noqa: S314  # our own
    assert root.tag == f"{SVG}svg"
    assert root.get("viewBox") == "0 0 300 200"
    assert (root.get("width"), root.get("height")) == (None, None)
    assert (root.get("role"), root.get("aria-label")) == ("img", 'a "line"')
    assert "<b>猫 & co" in [text.text for text in root.iter(f"{SVG}text")]


def test_colours_turn_with_the_page():
    svg = draw()
    assert f"stroke: var(--{ACCENT[1:]})" in svg
    assert f"--{ACCENT[1:]}: {ACCENT}; " in svg
    assert "@media screen and (prefers-color-scheme: dark) { .plot { " in svg


def test_two_figures_of_a_page_share_no_id():
    def ids(svg):
        return {element.get("id") for element in ElementTree.fromstring(svg).iter() if element.get("id")}  # noqa: S314

    assert ids(draw("a"))
    assert not ids(draw("a")) & ids(draw("b"))
