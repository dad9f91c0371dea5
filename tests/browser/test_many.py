"""Many photos at once, on bad days: broken ones among them, a slow network, a busy server, one that is started anew."""

from __future__ import annotations

import pytest
from colours import COLOURS, picture
from full_server import LIMITS, filled
from running_server import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.e2e]


@pytest.fixture(scope="module")
def thirty(tmp_path_factory):
    """Thirty files, of which every fifth is broken; the names say what the answer should be."""
    folder = tmp_path_factory.mktemp("thirty")
    names = list(COLOURS)
    for number in range(30):
        name = "broken" if number % 5 == 4 else names[number % 3]
        content = picture(COLOURS.get(name, (9, 9, 9)))
        (folder / f"{number:02} {name}.png").write_bytes(content[:50] if name == "broken" else content)
    return folder


def right(cards):
    """The names of the cards whose answer is what it should be."""
    return [
        card["name"]
        for card in cards
        if (card["name"].endswith("broken.png") and card["error"] and not card["hasRetry"])
        or card["labels"][:1] == [card["name"].split()[1].removesuffix(".png")]
    ]


def test_thirty_files_with_broken_ones(open_page, served, thirty, traffic):
    page = open_page(served)
    files = sorted(thirty.iterdir())
    page.choose(*files)
    assert len(page.cards()) == 30  # at once
    cards = page.answered(30)
    assert right(cards) == [file.name for file in files]
    assert page.text("#summary") == "24 of 30 answered, 6 failed"
    assert {card["trouble"] for card in cards} == {None, "The file is damaged, or not complete."}
    assert not page.is_shown("#retry-failed")  # they would be refused again
    assert traffic.update().most_at_once("/predict") == 2
    page.click("#clear")
    assert page.cards() == []
    assert not page.is_shown("#toolbar")


def test_of_many_photos_screen_readers_hear_how_far_they_are_and_not_each(open_page, served, thirty):
    page = open_page(served)
    page.run(
        """
        window.said = [];
        const line = document.getElementById("status");
        new MutationObserver(() => said.push(line.textContent)).observe(line, { childList: true });
        """
    )
    page.choose(*sorted(thirty.iterdir()))
    page.answered(30)
    wait_until(lambda: page.status() == "24 of 30 answered, 6 failed")
    first, *between, _ = page.run("return said")
    assert first == "Classifying 30 photos"
    assert all(" of 30 answered" in text for text in between)
    assert len(between) < 10
    page.choose(thirty / "00 red.png")
    page.answered(31)
    assert page.status() == "00 red.png: red, 99.2 %"


def test_page_is_not_left_by_mistake_while_answers_are_on_their_way(open_page, start_server, thirty):
    page = open_page(start_server(STUB_SLEEP_S="0.2"))
    leave = """
        const event = new Event("beforeunload", { cancelable: true });
        window.dispatchEvent(event);
        return event.defaultPrevented;
    """
    assert page.run(leave) is False
    page.choose(*sorted(thirty.iterdir()))
    assert page.run(leave) is True
    page.click("#clear")
    assert page.run(leave) is False


def test_folder_is_taken_without_what_is_no_picture(open_page, served, tmp_path):
    folder = tmp_path / "holiday"
    (folder / "beach").mkdir(parents=True)
    (folder / "beach" / "blue.png").write_bytes(picture(COLOURS["blue"]))
    (folder / "red.PNG").write_bytes(picture(COLOURS["red"]))
    for name in ("notes.txt", "list.pdf", ".DS_Store"):
        (folder / name).write_text("no picture")
    page = open_page(served)
    [field] = page.find("#folder")
    field.send_keys(str(folder))
    cards = page.answered(2)
    assert {card["name"]: card["labels"][0] for card in cards} == {
        "holiday/beach/blue.png": "blue",
        "holiday/red.PNG": "red",
    }
    assert page.text("#left-out") == "2 files that are no pictures were left out."


def test_dropped_folder_is_walked_through(open_page, served, tmp_path):
    folder = tmp_path / "holiday"
    folder.mkdir()
    (folder / "blue.png").write_bytes(picture(COLOURS["blue"]))
    (folder / "notes.txt").write_text("no picture")
    page = open_page(served)
    for event in ("dragEnter", "dragOver", "drop"):
        page.drag(event, folder)
    [card] = page.answered()
    assert (card["name"], card["labels"][0]) == ("holiday/blue.png", "blue")


def test_drop_without_any_file_is_told_of(open_page, served):
    page = open_page(served)
    page.run(
        """
        const dataTransfer = new DataTransfer();
        dataTransfer.setData("text/uri-list", "http://photos.example/a.jpg");
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
        """
    )
    wait_until(lambda: page.is_shown("#left-out"))
    assert page.text("#left-out").startswith("There was no file in that.")
    assert page.cards() == []


def test_file_that_is_gone_is_told_from_a_server_that_is(open_page, start_server, thirty, tmp_path, free_port):
    running = start_server(port=free_port)
    page = open_page(running)
    assert running.stop()[0] == 0
    gone = tmp_path / "gone.png"
    gone.write_bytes((thirty / "00 red.png").read_bytes())
    page.choose(gone)
    wait_until(lambda: page.cards()[0]["wait"])
    gone.unlink()
    [card] = page.answered()
    assert card["error"].startswith("The file cannot be read.")
    assert not card["hasRetry"]


def test_proxy_whose_server_is_away_is_waited_for(open_page, served, photos):
    page = open_page(served)
    page.run(
        """
        const fetch = window.fetch, answers = [new Response("Bad gateway", { status: 502 })];
        window.fetch = async (...request) => answers.pop() ?? fetch(...request);
        """
    )
    page.choose(photos / "red.png")
    wait_until(lambda: page.cards()[0]["wait"] == "The server cannot be reached. Trying again.")
    assert page.answered()[0]["labels"][0] == "red"


def test_on_a_slow_network_answers_come_as_they_are_ready(driver, open_page, served, photos):
    page = open_page(served)
    driver.execute_cdp_cmd("Network.enable", {})
    slow = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 200_000}
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", slow)
    try:
        page.choose(photos / "large.png", photos / "red.png", photos / "blue.png")  # 3.5 s, and little
        wait_until(lambda: [card["labels"][:1] for card in page.cards()] == [[], ["red"], ["blue"]])
        assert [card["isBusy"] for card in page.cards()] == [True, False, False]
        assert page.text("#summary") == "2 of 3 answered"
        large, *_ = page.answered(3)
        assert large["labels"][0] == "red"
    finally:
        fast = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        driver.execute_cdp_cmd("Network.emulateNetworkConditions", fast)


def test_server_that_is_started_anew_in_between_costs_no_photo(open_page, start_server, thirty, free_port):
    running = start_server(port=free_port, STUB_SLEEP_S="0.2", OPSIN_WORKERS="1")
    page = open_page(running)
    files = sorted(thirty.iterdir())
    page.choose(*files)
    wait_until(lambda: sum(not card["isBusy"] for card in page.cards()) > 3)
    assert running.stop()[0] == 0
    wait_until(lambda: any(card["wait"] for card in page.cards()))
    assert {card["wait"] for card in page.cards()} == {None, "The server cannot be reached. Trying again."}
    start_server(port=free_port)
    assert right(page.answered(30)) == [file.name for file in files]


def test_of_a_server_that_stays_away_all_can_be_tried_again(open_page, start_server, photos, free_port):
    running = start_server(port=free_port)
    page = open_page(running)
    assert running.stop()[0] == 0
    page.choose(*[photos / f"{name}.png" for name in ("red", "green", "blue", "grey")])
    cards = page.answered(4)
    assert [card["hasRetry"] for card in cards] == [True] * 4
    assert page.text("#summary") == "0 of 4 answered, 4 failed"
    start_server(port=free_port)
    page.click("#retry-failed")
    assert page.run("return document.activeElement.id") == "csv"
    wait_until(lambda: page.text("#summary") == "4 of 4 answered")
    assert [card["labels"][0] for card in page.answered(4)] == ["red", "green", "blue", "red"]
    assert not page.is_shown("#retry-failed")


def test_busy_server_is_waited_for_in_words(open_page, start_server, photos, traffic):
    running = start_server(**LIMITS)
    page = open_page(running)
    with filled(running, (photos / "large.png").read_bytes()):
        page.choose(photos / "large.png")
        wait_until(lambda: page.cards()[0]["wait"])
        assert page.cards()[0]["wait"] == "The server is busy. Trying again in 1 s."
        assert page.status() == "large.png: The server is busy. Trying again in 1 s."
    [card] = page.answered()
    assert (card["wait"], card["labels"][0]) == (None, "red")
