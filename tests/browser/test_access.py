"""The page for everybody: by keyboard, with a screen reader, on a phone and on a desk, light and dark, in Chinese."""

from __future__ import annotations

import re

import numpy as np
import pytest
from browser_window import emulated, faults
from colours import publish_stub
from running_server import wait_until

from models.store.calibration import Calibration
from server.api.words import read_words

pytest.importorskip("selenium", reason="no selenium: make test-browser installs it")

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

pytestmark = [pytest.mark.browser, pytest.mark.e2e]


@pytest.fixture(scope="module")
def several(start_server, tmp_path_factory):
    """A server with a choice of two models, one with many classes and all that an answer can have."""
    calibration = Calibration(num_images=100, unsure_below=0.4, scores=tuple(np.linspace(0, 0.99, 100)))
    folder = tmp_path_factory.mktemp("several")
    publish_stub(folder, "colours", calibration=calibration)
    publish_stub(folder, "shades", labels=("crimson", "_none", "navy"))
    (folder / "models" / "repository.json").write_text('{"default": "colours"}')
    return start_server(OPSIN_REPOSITORY=str(folder / "models"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_axe_finds_nothing_and_nothing_is_cut_off(driver, open_page, several, photos, width, scheme):
    with emulated(driver, width=width, scheme=scheme):
        page = open_page(several, "/?coverage=0.9")
        assert faults(driver) == []
        page.choose(*[photos / f"{name}.png" for name in ("red", "grey", "text")])
        page.answered(3)
        page.run("for (const details of document.querySelectorAll('details')) details.open = true")
        assert faults(driver) == []
        assert page.run("return document.documentElement.scrollWidth") <= width
        too_small = page.run(
            """
            return [...document.querySelectorAll("a, button, select, label.button, summary, input[type=search]")]
                .map((element) => [element.outerHTML.slice(0, 80), element.getBoundingClientRect()])
                .filter(([, box]) => box.width && Math.min(box.width, box.height) < 24).map(([html]) => html)
            """
        )
        assert too_small == []  # WCAG 2.2, 2.5.8
        ground = page.run("return getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", ground))) < 128) == (scheme == "dark")


@pytest.mark.parametrize("width", [320, 1440])
def test_labels_of_any_kind_are_text_and_stay_within_the_page(driver, open_page, start_server, photos, width):
    labels = ("<img src=x onerror=alert(1)>", "شجرة الزيتون القديمة", f"{'a' * 90} {'long' * 20}")
    calibration = Calibration(num_images=100, scores=tuple(np.linspace(0, 0.99, 100)))
    with emulated(driver, width=width):
        page = open_page(start_server(fields={"labels": labels, "calibration": calibration}), "/?coverage=0.9")
        page.choose(*[photos / f"{name}.png" for name in ("red", "green", "blue")])
        assert [card["labels"][0] for card in page.answered(3)] == list(labels)
        assert [item.text for item in page.find("#classes li")] == list(labels)
        assert page.run("return document.documentElement.scrollWidth") <= width


def test_axe_finds_nothing_in_what_comes_without_a_script(driver, open_page, several, photos):
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page = open_page(several, "/?coverage=0.9")
        [field] = page.find("#image")
        field.send_keys("\n".join(str(photos / f"{name}.png") for name in ("red", "text")))
        page.click("#form .submit")
        wait_until(lambda: page.find("#results .result"))
        assert [label.text for label in page.find("#results ol .label")] == ["red", "green", "blue"]
        assert page.text("#results .set") == "In 90 % of cases it is one of: red"
        assert "This is no picture that can be read." in page.text("#results")
        assert not page.is_shown(".needs-script")
        assert page.is_shown(".pick button")
        model = page.find("#model option")[1]
        model.click()
        page.click(".pick button")
        wait_until(lambda: page.text("#knows .model").startswith("shades"))
        assert "?model=shades&version=1" in page.text("#example")
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert faults(driver) == []


def test_what_is_printed_is_dark_on_light_and_has_no_buttons(driver, open_page, several, photos):
    with emulated(driver, scheme="dark"):
        page = open_page(several)
        page.choose(photos / "red.png")
        page.answered()
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        ink = page.run("return getComputedStyle(document.body).color")
        assert sum(map(int, re.findall(r"\d+", ink))) < 128
        assert [
            button.get_attribute("class") for button in page.find("button, .drop, #code") if button.is_displayed()
        ] == []
        assert page.is_shown("#results ol .label")


def test_all_is_reached_by_keyboard_alone_in_the_order_of_the_page(driver, open_page, several, photos):
    page = open_page(several)
    page.choose(photos / "red.png")
    page.answered()
    page.run("document.getElementById('options').open = true; document.activeElement.blur(); scrollTo(0, 0)")
    page.run("getSelection().removeAllRanges()")
    seen = []
    for _ in range(60):
        ActionChains(driver).send_keys(Keys.TAB).perform()
        focused = driver.switch_to.active_element
        name = focused.get_attribute("id") or focused.get_attribute("class") or focused.tag_name
        if name in seen[:1] or focused.tag_name == "body":
            break
        seen.append(name)
        outline = focused.value_of_css_property("outline-style")
        assert outline != "none" or name in ("image", "folder"), name  # those are seen by their labels
    wanted = [
        "image",
        "folder",
        "live",
        "csv",
        "clear",
        "json button quiet small",
        "model",
        "coverage",
        "shrink",
        "copy",
    ]
    positions = [seen.index(name) for name in wanted]
    assert positions == sorted(positions), seen


def test_picker_and_camera_are_used_by_keyboard(driver, open_page, several):
    page = open_page(several)
    [model] = page.find("#model")
    model.send_keys(Keys.DOWN)
    wait_until(lambda: page.text("#knows .model").startswith("shades"))
    assert page.run("return document.activeElement.id") == "model"  # what was chosen keeps the focus
    [image] = page.find("#image")
    assert image.is_enabled()
    assert page.run("return document.querySelector('label[for=image]').textContent") == "Choose photos"


def test_page_is_chinese_where_the_browser_wants_that(driver, open_page, start_server, photos):
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"}})
    words = read_words()["zh"]
    try:
        calibration = Calibration(num_images=100, unsure_below=0.5)
        page = open_page(start_server(fields={"labels": ("红色", "_none", "蓝色"), "calibration": calibration}))
        page.choose(*[photos / f"{name}.png" for name in ("red", "green", "grey", "text")])
        red, green, grey, broken = page.answered(4)
        assert (red["labels"][0], red["percents"][0]) == ("红色", "99.2%")
        assert (green["verdict"], green["labels"][0]) == (words("none"), words("none_label"))
        assert grey["verdict"] == f"{words('guess')} {words('best_guess')}"
        assert broken["trouble"] == words("error_unsupported_image")
        assert page.text("#summary") == words("summary_failed", done=3, count=4, failed=1)
        english = page.run(
            """
            const foreign = "code, h1, h3, .model, .error, #formats, #status, label:has([name=language])";
            for (const own of document.querySelectorAll(foreign)) own.remove();
            return document.body.innerText.match(/[a-z]{4,}/gi);
            """
        )
        assert set(english) <= {"JSON", "true"}
    finally:
        driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {}})
