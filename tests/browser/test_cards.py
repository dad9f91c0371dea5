"""The card of a version, read by whoever has to decide: on a phone and on a desk, light and dark, by keyboard."""

from __future__ import annotations

import pytest
from browser_window import emulated, faults
from card_artifacts import counted_manifest

pytest.importorskip("selenium", reason="no selenium: make test-browser installs it")

from selenium.webdriver.common.keys import Keys

pytestmark = [pytest.mark.browser, pytest.mark.e2e]


@pytest.fixture(scope="module")
def counted(start_server):
    """A server whose model has all that a card shows."""
    manifest = counted_manifest()
    names = ("labels", "metrics", "calibration", "evaluation", "operating_curve", "provenance")
    return start_server(fields={name: getattr(manifest, name) for name in names})


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("path", ["/models", "/models/colours/1"])
def test_axe_finds_nothing_and_nothing_is_cut_off(driver, open_page, counted, path, width, scheme):
    with emulated(driver, width=width, scheme=scheme):
        page = open_page(counted, path)
        page.run("for (const details of document.querySelectorAll('details')) details.open = true")
        assert faults(driver) == []
        assert page.run("return document.documentElement.scrollWidth") <= width


def test_slider_says_what_a_threshold_gives_by_keyboard(open_page, counted):
    page = open_page(counted, "/models/colours/1")
    page.run("document.querySelector('#point ~ details').open = true")
    [slider] = page.find("#threshold")
    assert page.text(".slider output").startswith(
        "Accepting answers of 80 % and more: 65.0 % of the pictures are answered"
    )
    slider.send_keys(Keys.ARROW_LEFT * 3)
    assert slider.get_attribute("aria-valuetext") == "65 %"
    assert page.text(".slider output") == (
        "Accepting answers of 65 % and more: 85.0 % of the pictures are answered, and of these answers 100.0 % are "
        "right (98.5 to 100.0); 15.0 % are left to a person."
    )
    assert page.text("tr[data-class='1']") == "rose 65 % 100.0 % (94.0 to 100.0) 60.0 % 60"
    slider.send_keys(Keys.END)
    assert page.text(".slider output") == "No answer is as sure as 99.9 %: all pictures are left to a person."


def test_card_is_whole_without_a_script(driver, open_page, counted):
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page = open_page(counted, "/models/colours/1")
        assert not page.is_shown(".slider")
        [table] = [each for each in page.find("table") if "What one threshold for all classes gives" in each.text]
        assert "80.0 % 65.0 % 100.0 % (98.1 to 100.0) 65.0 %" in table.text
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
