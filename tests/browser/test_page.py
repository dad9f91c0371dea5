"""The upload page as a visitor meets it: the script runs in Chromium, against the real server."""

from __future__ import annotations

import pytest
from colours import COLOURS, picture
from full_server import LIMITS, filled
from running_server import wait_until

from models.store.calibration import Calibration

pytestmark = [pytest.mark.browser, pytest.mark.e2e]


def test_chosen_photo_gets_a_card_with_its_preview_and_labels(open_page, served, photos):
    page = open_page(served)
    page.choose(photos / "red.png")
    [card] = page.answered()
    assert (card["name"], card["error"], card["hasPreview"]) == ("red.png", None, True)
    assert card["labels"] == ["red", "green", "blue"]
    assert card["percents"] == ["99.2 %", "0.4 %", "0.4 %"]
    assert page.status() == "red.png: red, 99.2 %"


def test_photo_of_none_of_the_classes_is_told_so(open_page, start_server, photos):
    labels, calibration = ("赤色", "_none", "أزرق"), Calibration(num_images=100, unsure_below=0.5)
    page = open_page(start_server(fields={"labels": labels, "calibration": calibration}))
    page.choose(*[photos / f"{name}.png" for name in ("grey", "red", "green")])
    grey, red, green = page.answered(3)
    assert grey["verdict"] == "Probably none of these Best guess:"
    assert (grey["labels"], grey["percents"][0]) == ([labels[0], "none of these", labels[2]], "37.5 %")
    assert (red["verdict"], red["labels"][0]) == ("", labels[0])
    assert (green["verdict"], green["labels"][0]) == ("None of these", "none of these")
    page.choose(photos / "grey.png")
    page.answered(4)
    assert page.status() == f"grey.png: Probably none of these Best guess: {labels[0]}, 37.5 %"


def test_of_several_photos_each_gets_its_own_answer_and_a_broken_one_its_message(open_page, served, photos):
    page = open_page(served)
    names = ["red.png", "text.png", "green.png", "blue.png"]
    page.choose(*[photos / name for name in names])
    cards = page.answered(4)
    assert [card["name"] for card in cards] == names
    assert [card["labels"][:1] for card in cards] == [["red"], [], ["green"], ["blue"]]
    assert [card["hasPreview"] for card in cards] == [True, False, True, True]
    broken = cards[1]
    assert broken["error"].endswith(".")
    assert broken["error"][0].isupper()
    assert not broken["hasRetry"]  # it would be refused again
    assert [card["error"] for card in cards if card is not broken] == [None] * 3


def test_of_many_photos_two_are_sent_at_once(open_page, served, photos, traffic):
    page = open_page(served)
    page.choose(*[photos / f"{name}.png" for name in ("red", "green", "blue", "large", "text")])
    page.answered(5)
    assert traffic.update().most_at_once("/predict") == 2


def test_same_photo_can_be_chosen_again_and_the_newest_is_on_top(open_page, served, photos):
    page = open_page(served)
    for num_cards, name in enumerate(("red.png", "blue.png", "blue.png"), start=1):
        page.choose(photos / name)
        page.answered(num_cards)
    assert [card["name"] for card in page.cards()] == ["blue.png", "blue.png", "red.png"]


def test_photo_that_is_too_large_is_told_so_without_being_sent(open_page, served, photos, traffic):
    page = open_page(served)
    page.choose(photos / "too-large.png")
    [card] = page.answered()
    assert card["error"].replace("\N{NO-BREAK SPACE}", " ") == "The photo is larger than the 976 kB that are allowed."
    assert traffic.update().statuses("/predict") == []


def test_dropped_photos_are_classified(open_page, served, photos):
    page = open_page(served)
    files = photos / "green.png", photos / "blue.png"
    page.drag("dragEnter", *files)
    wait_until(page.form_is_marked)
    page.drag("dragOver", *files)
    page.drag("drop", *files)
    assert [card["labels"][0] for card in page.answered(2)] == ["green", "blue"]
    assert not page.form_is_marked()


def test_photos_can_be_dropped_anywhere_on_the_page(open_page, served, photos):
    page = open_page(served)
    page.drag("dragEnter", photos / "green.png", y=100)
    for y in (250, 400, 650):  # over the form's parts and beyond it: each is entered before the one before is left
        page.drag("dragOver", photos / "green.png", y=y)
    wait_until(page.form_is_marked)
    page.drag("drop", photos / "green.png", y=650)
    assert page.answered()[0]["labels"][0] == "green"
    assert not page.form_is_marked()


def test_drag_that_leaves_the_window_changes_nothing(open_page, served, photos):
    page = open_page(served)
    page.drag("dragEnter", photos / "green.png")
    wait_until(page.form_is_marked)
    page.leave()
    assert not page.form_is_marked()
    assert page.cards() == []


def test_pasted_picture_is_classified(open_page, served):
    page = open_page(served)
    page.paste(picture(COLOURS["blue"]))
    [card] = page.answered()
    assert (card["name"], card["labels"][0]) == ("image.png", "blue")


def test_photo_can_be_sent_again_when_the_server_is_back(open_page, start_server, photos, free_port):
    running = start_server(port=free_port)
    page = open_page(running)
    assert running.stop()[0] == 0
    page.choose(photos / "red.png")
    [card] = page.answered()
    assert (card["error"], card["hasRetry"]) == ("The server could not be reached.", True)
    start_server(port=free_port)
    [retry] = page.find(".retry")
    retry.click()
    [card] = page.answered()
    assert (card["error"], card["hasRetry"], card["labels"][0]) == (None, False, "red")


def test_photo_that_there_is_no_room_for_is_sent_again_by_itself(open_page, start_server, photos, traffic):
    running = start_server(**LIMITS)
    page = open_page(running)
    with filled(running, (photos / "large.png").read_bytes()):
        page.choose(photos / "large.png")
        wait_until(lambda: 503 in traffic.update().statuses("/predict"))
        assert [card["isBusy"] for card in page.cards()] == [True]
    [card] = page.answered()
    assert (card["error"], card["labels"][0]) == (None, "red")
    assert traffic.update().statuses("/predict")[-1] == 200


def test_command_for_programs_is_copied(open_page, served):
    page = open_page(served)
    [button] = page.find("#copy")
    button.click()
    wait_until(lambda: button.text == "Copied")
    assert page.status() == "Copied"
    wait_until(lambda: button.text == "Copy")
