"""What a visitor sees beside the bars, and can take away: times, sets of labels, JSON, CSV, code; another model."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from colours import publish_stub
from running_server import wait_until

from models.store.calibration import Calibration
from models.store.operating_points import OperatingPoint
from models.store.repository import Repository

pytestmark = [pytest.mark.browser, pytest.mark.e2e]

CALIBRATION = Calibration(num_images=100, unsure_below=0.4, scores=tuple(np.linspace(0, 0.99, 100)))


@pytest.fixture(scope="module")
def several(start_server, tmp_path_factory):
    """A server with two models, of which the default can say which labels hold the right one."""
    folder = tmp_path_factory.mktemp("several")
    publish_stub(folder, "colours", calibration=CALIBRATION)
    publish_stub(folder, "shades", labels=("crimson", "lime", "navy"))
    (folder / "models" / "repository.json").write_text('{"default": "colours"}')
    return start_server(OPSIN_REPOSITORY=str(folder / "models"))


def test_time_is_split_into_parts(open_page, served, photos):
    page = open_page(served)
    page.choose(photos / "red.png")
    [card] = page.answered()
    assert card["parts"] == ["upload", "decoding", "queue", "inference", "network and the rest"]
    page.click(".times summary")
    assert page.is_shown(".times dl")
    widths = page.run(
        "return [...document.querySelectorAll('.spent rect')].map((part) => parseFloat(part.getAttribute('width')))"
    )
    assert sum(widths) == pytest.approx(100, abs=0.1)


def test_labels_that_hold_the_right_one_as_often_as_asked_are_shown(open_page, several, photos):
    page = open_page(several)
    page.choose(photos / "red.png")
    assert page.answered()[0]["set"] is None
    page.click("#options summary")
    page.find("#coverage option")[-1].click()
    wait_until(lambda: "coverage=0.99" in page.run("return location.search"))
    page.choose(photos / "red.png", photos / "grey.png")
    red, grey, _ = page.answered(3)
    assert red["set"] == "In 99 % of cases it is one of: red"
    assert grey["verdict"] == "Probably none of these Best guess:"  # so that nothing is promised beside it
    assert grey["set"] == "If it is one of them after all, it is in 99 % of cases one of: all 3 classes"


def test_other_model_is_chosen_without_the_cards_being_lost(open_page, several, photos):
    page = open_page(several)
    page.choose(photos / "red.png")
    page.answered()
    page.run("document.getElementById('form').dataset.explainable = ''")  # as if the first model could be
    [model] = page.find("#model")
    model.send_keys("shades")
    wait_until(lambda: page.text("#knows .model") == "shades version 1, 3 classes")
    assert "lime" in page.text("#classes")
    assert "model=shades&version=1" in page.text("#example")
    assert page.run("return document.getElementById('form').dataset.explainable") is None
    page.choose(photos / "green.png")
    green, red = page.answered(2)
    assert (green["labels"][0], red["labels"][0]) == ("lime", "red")
    assert [card.text for card in page.find(".by")] == ["shades, version 1", "colours, version 1"]


def test_model_that_is_still_loading_is_waited_for(open_page, several):
    page = open_page(several)
    page.run(
        """
        const { waitForModel } = await import("/static/page/model.js");
        document.getElementById("model-panel").replaceChildren();
        waitForModel();
        """
    )
    wait_until(lambda: page.find("#knows .model"))
    assert page.text("#knows .model") == "colours version 1, 3 classes"
    assert len(page.find("#model option")) == 2


def test_classes_are_searched(open_page, start_server):
    labels = ("red", *(f"class {number}" for number in range(998)), "_none")
    page = open_page(start_server(fields={"labels": labels}))
    assert page.find("#classes") == []
    page.click("#all-classes")
    wait_until(lambda: page.find("#search"))
    [search] = page.find("#search")
    assert page.run("return document.activeElement.id") == "search"
    search.send_keys("99 Class")
    assert page.text("#found") == "17 of 999"
    assert len([item for item in page.find("#classes li") if item.is_displayed()]) == 17
    search.clear()
    search.send_keys("nothing like it")
    assert page.text("#found") == "0 of 999"


def test_answer_is_copied_as_json(driver, open_page, served, photos):
    page = open_page(served)
    driver.execute_cdp_cmd(
        "Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    )
    page.choose(photos / "red.png")
    page.answered()
    page.click(".json")
    wait_until(lambda: page.status() == "Copied")
    answer = json.loads(page.run("return navigator.clipboard.readText()"))
    assert (answer["model"], answer["version"]) == ("colours", 1)
    assert answer["predictions"][0]["filename"] == "red.png"
    assert answer["predictions"][0]["label"] == "red"


def test_all_answers_are_downloaded_as_csv(driver, open_page, served, photos, tmp_path):
    page = open_page(served)
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    (tmp_path / 'a, "b".png').write_bytes((photos / "blue.png").read_bytes())
    page.choose(photos / "red.png", photos / "text.png", tmp_path / 'a, "b".png')
    page.answered(3)
    page.click("#csv")
    wait_until(lambda: (tmp_path / "answers.csv").exists())
    text = (tmp_path / "answers.csv").read_bytes().decode("utf-8-sig")
    red, broken, blue = csv.DictReader(io.StringIO(text))
    assert list(red) == [
        "file", "label_1", "probability_1", "label_2", "probability_2", "label_3", "probability_3",
        "error", "message", "model", "version",
    ]  # fmt: skip
    assert (red["file"], red["label_1"], red["model"], red["version"], red["error"]) == (
        "red.png",
        "red",
        "colours",
        "1",
        "",
    )
    assert float(red["probability_1"]) == pytest.approx(256 / 258)
    assert (broken["file"], broken["error"], broken["label_1"]) == ("text.png", "unsupported_image", "")
    assert (blue["file"], blue["label_1"]) == ('a, "b".png', "blue")


def test_answer_says_whether_it_is_accepted_where_an_operating_point_is_set(open_page, start_server, photos, tmp_path):
    publish_stub(tmp_path)
    point = OperatingPoint((0.9, 0.999, 0.9), "precision 0.95")
    Repository(tmp_path / "models").set_operating_point("colours", 1, point)
    page = open_page(start_server(OPSIN_REPOSITORY=str(tmp_path / "models")))
    page.choose(photos / "red.png", photos / "green.png")
    page.answered(2)
    assert [line.text for line in page.find(".accepted") if line.is_displayed()] == [
        "Sure enough to be used without a look.",
        "Less sure than was asked for: let a person look.",
    ]
    page.choose(photos / "green.png")
    page.answered(3)
    assert page.status() == "green.png: Less sure than was asked for: let a person look. green, 99.2 %"


def test_code_has_the_address_by_which_the_visitor_has_come(driver, open_page, start_server):
    server = start_server(OPSIN_TRUSTED_PROXIES="127.0.0.0/8")
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {"X-Forwarded-Proto": "https"}})
    try:
        page = open_page(server)
        assert page.run("return document.getElementById('form').dataset.origin.split(':')[0]") == "https"
        assert page.text("#example").endswith(f" http://127.0.0.1:{server.port}/predict")
    finally:
        driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {}})


def test_code_of_each_language_is_shown_and_copied(driver, open_page, served, photos):
    page = open_page(served)
    url = f"http://127.0.0.1:{served.port}/predict"
    for language, text in (
        ("python", "requests.post("),
        ("javascript", "await fetch("),
        ("curl", "curl -F image=@photo.jpg"),
    ):
        page.click(f"label:has([value={language}])")
        [shown] = [code.text for code in page.find("#code pre") if code.is_displayed()]
        assert text in shown
        assert url in shown
    page.click("label:has([value=javascript])")
    [code] = [code.text for code in page.find("#code code") if code.is_displayed() and "FormData" in code.text]
    said = page.run(
        f"""
        const bytes = Uint8Array.from(arguments[0]);
        const photo = new Blob([bytes], {{ type: "image/png" }});
        const said = [], console = {{ log: (...words) => said.push(...words) }};
        {code}
        return said;
        """,
        list((photos / "red.png").read_bytes()),
    )
    assert said == ["red", pytest.approx(256 / 258)]
