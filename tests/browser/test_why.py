"""Why an answer is as it is: a heat map over the picture, of the shipped model of flowers."""

from __future__ import annotations

import pytest
from browser_window import emulated, faults
from running_server import ROOT, ZOO, RunningServer, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.e2e]

ROSE = ROOT / "tests" / "data" / "rose_8035910225.jpg"
HEAT = """
    const heat = document.querySelector(".heat"), image = document.querySelector(".picture img");
    if (!heat) return null;
    const copy = new OffscreenCanvas(heat.width, heat.height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(heat, 0, 0);
    const pixels = copy.getImageData(0, 0, heat.width, heat.height).data;
    const shape = (box) => [box.x, box.y, box.width, box.height].map(Math.round);
    let red = 0, blue = 0;
    for (let index = 0; index < pixels.length; index += 4) { red += pixels[index]; blue += pixels[index + 2]; }
    return { size: [heat.width, heat.height], red: red / pixels.length, blue: blue / pixels.length,
        isOver: String(shape(heat.getBoundingClientRect())) === String(shape(image.getBoundingClientRect())) };
"""
SHOWN = "return [...document.querySelectorAll('.alike img')].map((image) => image.naturalWidth > 0)"


@pytest.fixture(scope="module")
def flowers():
    server = RunningServer(["-m", "server"], {"OPSIN_REPOSITORY": str(ZOO), "OPSIN_MODEL": "flowers"})
    yield server.wait_until_ready()
    server.end()


@pytest.mark.parametrize("width", [360, 1440])
def test_heat_map_lies_over_the_picture_and_is_of_the_class_that_is_chosen(driver, open_page, flowers, width):
    with emulated(driver, width=width):
        page = open_page(flowers)
        page.choose(ROSE)
        page.answered()
        assert page.run(HEAT) is None
        page.click(".why")
        wait_until(lambda: page.run(HEAT))
        first = page.run(HEAT)
        assert (first["size"], first["isOver"]) == ([270, 180], True)
        assert first["red"] > 0 < first["blue"]
        assert page.text(".because p") == "Red is what speaks most for roses."
        wait_until(lambda: len(page.find(".alike img")) == 4)
        assert "CC-BY 2.0" in page.text(".alike small")
        wait_until(lambda: page.run(SHOWN) == [True] * 4)
        assert faults(driver) == []
        page.find(".because option")[1].click()
        wait_until(lambda: page.text(".because p") == "Red is what speaks most for tulips.")
        other = page.run(HEAT)
        assert (other["red"], other["blue"]) != (first["red"], first["blue"])
        page.click(".why")
        assert page.run(HEAT) is None
        assert not page.is_shown(".because")


def test_where_a_model_cannot_be_explained_there_is_no_button(open_page, served, photos):
    page = open_page(served)
    page.choose(photos / "red.png")
    page.answered()
    assert not page.is_shown(".why")
