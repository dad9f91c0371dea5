"""A server that asks for API keys, used in a browser: the page, the cards and their pictures."""

from __future__ import annotations

import hashlib

import pytest
from browser_window import emulated, faults
from running_server import ROOT, ZOO, RunningServer, wait_until
from upload_page import Page

pytestmark = [pytest.mark.browser, pytest.mark.e2e]

KEY = "opsin_key"
ROSE = ROOT / "tests" / "data" / "rose_8035910225.jpg"
STORED = "return [localStorage.length, Object.values(sessionStorage), document.cookie, location.search]"


def write_keys(path, *keys):
    path.write_text("".join(f"app sha256:{hashlib.sha256(key.encode()).hexdigest()}\n" for key in keys))


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "keys"
    write_keys(path, KEY)
    return path


@pytest.fixture(scope="module")
def flowers(keys):
    settings = {"OPSIN_REPOSITORY": str(ZOO), "OPSIN_MODEL": "flowers", "OPSIN_API_KEYS_FILE": str(keys)}
    server = RunningServer(["-m", "server"], settings)
    yield server.wait_until_ready()
    server.end()


@pytest.fixture
def page(driver, open_page, flowers):
    """The page of a visitor who has not given a key yet."""
    page = open_page(flowers)
    driver.execute_script("sessionStorage.clear()")
    driver.refresh()
    yield page
    driver.execute_script("sessionStorage.clear()")


def fill_in(page, key, end="\n"):
    [field] = page.find("#key")
    field.clear()
    field.send_keys(f"{key}{end}")


def test_photos_that_came_before_the_key_are_answered_once_it_is_there(driver, page):
    page.choose(ROSE)
    [card] = page.answered()
    assert (card["trouble"], card["hasRetry"]) == ("This server asks for an API key.", True)
    fill_in(page, "opsin_wrong")
    wait_until(lambda: page.text("#key-note") == "This API key is not known.")
    assert page.find("#classes") == []
    fill_in(page, KEY)
    wait_until(lambda: page.cards()[0]["labels"])
    assert page.answered()[0]["labels"][0] == "roses"
    assert not page.is_shown("#key")
    assert page.run("return document.activeElement.textContent") == "Forget it"
    assert "tulips" in page.text("#classes")
    assert driver.execute_script(STORED) == [0, [KEY], "", ""]


def test_key_lasts_until_it_is_forgotten(driver, page):
    fill_in(page, KEY, end="\t")  # the field is left, and no button pressed
    wait_until(lambda: page.is_shown("#known"))
    driver.refresh()
    wait_until(lambda: page.is_shown("#known") and page.find("#classes"))
    page.choose(ROSE)
    assert page.answered()[0]["labels"][0] == "roses"
    page.click("#known button")
    wait_until(lambda: page.find("#classes") == [] and page.is_shown("#key"))
    assert driver.execute_script(STORED) == [0, [], "", ""]


def test_card_and_its_pictures_are_shown_to_those_with_a_key(driver, page, flowers):
    driver.get(f"http://127.0.0.1:{flowers.port}/models/flowers/6")
    assert page.text("h2") == "This server asks for an API key."
    assert faults(driver) == []
    fill_in(page, KEY)
    wait_until(lambda: page.find("#classes"))
    assert page.text("h1").startswith("flowers")
    [picture, *_] = page.find("img[alt]")
    driver.execute_script("arguments[0].scrollIntoView()", picture)
    wait_until(lambda: page.run("return document.querySelector('img[alt]').naturalWidth") > 0)
    wait_until(lambda: not page.find(".slider[hidden]"))  # the card's own script has run
    driver.get(f"http://127.0.0.1:{flowers.port}/models")
    wait_until(lambda: page.find("table"))  # without the key being asked for again
    driver.get(f"http://127.0.0.1:{flowers.port}/v2")
    wait_until(lambda: page.find("pre"))
    assert '"name":"opsin"' in page.text("pre")


def test_key_that_is_taken_away_is_asked_for_again(driver, traffic, start_server, photos, tmp_path):
    write_keys(tmp_path / "keys", KEY)
    page = Page(driver, start_server(OPSIN_API_KEYS_FILE=str(tmp_path / "keys")))
    fill_in(page, KEY)
    wait_until(lambda: page.is_shown("#known"))
    write_keys(tmp_path / "keys", "opsin_other")
    wait_until(lambda: page.choose(photos / "red.png") or any(card["trouble"] for card in page.cards()))
    assert page.is_shown("#key")
    assert page.text("#key-note") == "This API key is not known."
    assert driver.execute_script(STORED) == [0, [], "", ""]
    fill_in(page, "opsin_other")
    wait_until(lambda: not any(card["trouble"] or card["isBusy"] for card in page.cards()))
    assert traffic.update().complaints == []


@pytest.mark.parametrize("key", ["schlüssel", "钥匙", "two words"])
def test_key_that_no_header_can_carry_is_no_key(page, key):
    fill_in(page, key)
    wait_until(lambda: page.text("#key-note") == "This API key is not known.")
    page.choose(ROSE)
    assert page.answered()[0]["trouble"] == "This server asks for an API key."


@pytest.mark.parametrize("width", [320, 1440])
def test_axe_finds_nothing_where_a_key_is_asked_for(driver, page, width):
    with emulated(driver, width=width):
        assert faults(driver) == []
        assert page.run("return document.documentElement.scrollWidth") <= width
        fill_in(page, KEY)
        wait_until(lambda: page.is_shown("#known"))
        assert faults(driver) == []
