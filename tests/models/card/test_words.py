"""What is said of a version, to whoever has to decide."""

from __future__ import annotations

import pytest
from card_artifacts import counted_manifest
from small_artifacts import small_sources

from models.card.card import card_of
from models.card.words import of_hundred
from models.store.repository import Repository


@pytest.fixture
def card(tmp_path):
    return card_of(Repository(tmp_path / "models").publish(counted_manifest(), small_sources(tmp_path)))


@pytest.mark.parametrize(
    ("fraction", "said"),
    [(0.942, "94"), (0.0, "0"), (0.001, "fewer than 1"), (0.999, "more than 99"), (1.0, "100"), (0.994, "99")],
)
def test_fractions_are_said_out_of_a_hundred(fraction, said):
    assert of_hundred(fraction) == said


def test_first_lines_say_what_it_does_and_how_often_it_is_right(card):
    assert card["summary"][:2] == [
        "It says which of 3 classes a picture shows: daisy, rose, tulip.",
        "Of 100 pictures it is right about 85 (80.5 to 88.6; 300 test pictures).",
    ]


def test_classes_that_are_surely_worse_are_named_and_no_others(card):
    assert card["weaknesses"] == [
        "rose: of 100 such pictures it recognises about 60 (50.2 to 69.1; 100 test pictures), and takes it for tulip "
        "most often (40 of 100).",
        "What it confuses most: rose taken for tulip (40 of 100); tulip taken for rose (3 of 100); daisy taken for "
        "rose (2 of 100).",
    ]


def test_what_it_is_not_for_says_how_often_it_is_wrong_and_whether_it_tells_of_other_pictures(card):
    told = " ".join(card["is_not_for"])
    assert "It is wrong about 15 of 100 pictures." in told
    assert '"unsure"' in told
    assert "32 x 32 pixels" in told
