"""The report of a run in a real Chromium: its cells open, and what is marked is downloaded as a list."""

import numpy as np
import pytest

pytest.importorskip("selenium", reason="no selenium: make test-browser installs it")

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from models.measuring.metrics import measure
from training.config import preset
from training.data import encode_png
from training.dataset import Dataset, Split
from training.measured import Answers, MeasuredFile
from training.moves import Move, read_moves
from training.report.report import write_report
from training.run import Run
from training.survey import Survey

pytestmark = pytest.mark.browser

LABELS = ("daisy", 'a "rose", wild', "<b>tulip</b>")
ROWS = [[0.9, 0.1, 0], [0.4, 0.6, 0], [0.1, 0.5, 0.4], [0.7, 0.3, 0], [0, 0.02, 0.98], [0.0, 0.8, 0.2]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    targets = np.array([0, 0, 1, 1, 2, 2])
    names = tuple(f"{LABELS[target].replace('/', '')}/{index}, 猫.png" for index, target in enumerate(targets))
    split = Split(targets, lambda index: encode_png(np.full((20, 30, 3), 40 * index, np.uint8)), names)
    survey = Survey("flowers", {label: {"train": 2, "validation": 2, "test": 2} for label in LABELS}, "drawn", {})
    data = Dataset("flowers", "0" * 64, LABELS, split, split, split, survey=survey)
    run = Run.new(
        command="c", config=preset("smoke"), data="photos", data_name="flowers", data_sha256="0" * 64, labels=LABELS
    )
    answers = Answers(test=np.array(ROWS, np.float32))
    figures = MeasuredFile(folder / "float32.tflite", "float32", *[measure(answers.test, targets)] * 2, answers=answers)
    write_report(folder, run, data, figures)
    return folder


@pytest.fixture
def page(driver, traffic, folder):
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
    driver.get(f"file://{folder}/report.html")
    yield driver
    assert traffic.update().complaints == []  # of the content security policy, too
    assert traffic.hosts() <= {""}


def shown(page, selector):
    return [element for element in page.find_elements(By.CSS_SELECTOR, selector) if element.is_displayed()]


def test_a_cell_opens_its_photos_by_mouse_and_by_keyboard(page):
    assert shown(page, ".cell") == []
    page.find_element(By.CSS_SELECTOR, 'a[href="#test-2-1"]').click()
    [cell] = shown(page, ".cell")
    assert cell.get_attribute("id") == "test-2-1"
    assert '1 test photo of <b>tulip</b> taken for a "rose", wild' in cell.text
    picture = cell.find_element(By.CSS_SELECTOR, ".photo")
    assert picture.value_of_css_property("background-image").startswith('url("data:image/webp;base64,')
    page.find_element(By.CSS_SELECTOR, 'a[href="#test-0-1"]').send_keys(Keys.ENTER)
    assert [found.get_attribute("id") for found in shown(page, ".cell")] == ["test-0-1"]


def test_what_is_marked_is_downloaded_as_a_list_of_moves(page, folder):
    assert shown(page, "#moves") == []
    # A photo is on several cards: marked on one it is on all.
    cards = page.find_elements(By.CSS_SELECTOR, f'#worst ~ ul [data-from="{LABELS[2]}"]'.replace("<", "\\<"))
    cards[0].find_element(By.CSS_SELECTOR, "input").send_keys(Keys.SPACE)
    path = cards[0].get_attribute("data-path")
    marked = [
        card for card in page.find_elements(By.CSS_SELECTOR, "[data-path]") if card.get_attribute("data-path") == path
    ]
    assert len(marked) > 2
    assert all(card.find_element(By.CSS_SELECTOR, "input").is_selected() for card in marked)
    other = page.find_element(By.CSS_SELECTOR, '#worst ~ ul [data-from="daisy"]')
    other.find_element(By.CSS_SELECTOR, "input").click()
    Select(other.find_element(By.CSS_SELECTOR, "select")).select_by_value("_removed")
    assert shown(page, "#moves")[0].text.startswith("2 photos marked")
    page.find_element(By.ID, "download").click()
    WebDriverWait(page, 20).until(lambda _: (folder / "moves.csv").exists())
    assert read_moves(folder / "moves.csv") == [
        Move(
            "<b>tulip<b>/5, 猫.png", "<b>tulip</b>", 'a "rose", wild', 'answer: a "rose", wild 80 %, <b>tulip</b> 20 %'
        ),
        Move("daisy/1, 猫.png", "daisy", "_removed", 'answer: a "rose", wild 60 %, daisy 40 %'),
    ]
    page.find_element(By.ID, "clear").click()
    assert shown(page, "#moves") == []
    assert not any(card.find_element(By.CSS_SELECTOR, "input").is_selected() for card in marked)


def test_a_photo_is_not_moved_to_where_it_is(page):
    card = page.find_element(By.CSS_SELECTOR, '#worst ~ ul [data-from="daisy"]')
    card.find_element(By.CSS_SELECTOR, "input").click()
    options = Select(card.find_element(By.CSS_SELECTOR, "select")).options
    assert [option.get_attribute("value") for option in options if not option.is_enabled()] == ["daisy"]
    values = [option.get_attribute("value") for option in options]
    assert values == [*LABELS, "_none", "_removed"]


@pytest.mark.parametrize("width", [360, 1200])
def test_the_page_fits_its_window(page, width):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_it_is_dark_where_that_is_wanted(page, scheme, is_dark):
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    colour = page.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")
    ink = page.find_element(By.CSS_SELECTOR, "svg.plot text").value_of_css_property("fill")
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert (colour == "rgba(16, 22, 21, 1)") == is_dark
    assert (ink == "rgb(156, 170, 167)") == is_dark
