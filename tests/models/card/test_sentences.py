"""What is said of a version, to whoever has to decide."""

from __future__ import annotations

import json
import re

import pytest
from card_artifacts import counted_manifest
from small_artifacts import small_sources

from models.card.card import card_of
from models.card.making import KINDS, OTHER
from models.card.sentences import LANGUAGES, sentences
from models.store.repository import Repository


@pytest.fixture
def card(tmp_path):
    return card_of(Repository(tmp_path / "models").publish(counted_manifest(), small_sources(tmp_path)))


@pytest.mark.parametrize(
    ("fraction", "said"),
    [
        (0.942, "about 94"),
        (0.0, "about 0"),
        (0.001, "fewer than 1"),
        (0.999, "more than 99"),
        (1.0, "about 100"),
        (0.994, "about 99"),
    ],
)
def test_fractions_are_said_out_of_a_hundred(fraction, said):
    assert sentences().of_hundred(fraction) == said


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
    assert "It is wrong about 15 of 100 times." in told
    assert '"unsure"' in told
    assert "32 x 32 pixels" in told


def test_sentences_are_said_in_the_other_language_too(card):
    said = sentences("zh").said(card)
    for line, parts in (
        (said["summary"][1], ("约 85 张", "80.5 至 88.6")),
        (said["weaknesses"][0], ("rose", "tulip", "40")),
    ):
        assert all(part in line for part in parts)
    assert {key: len(lines) for key, lines in said.items()} == {
        key: len(lines) for key, lines in sentences("en").said(card).items()
    }


def test_languages_have_the_same_keys_and_values():
    words = {path.stem: json.loads(path.read_text("utf-8"), object_pairs_hook=list) for path in LANGUAGES.iterdir()}
    assert words.keys() == {"en", "zh"}
    english, chinese = words["en"], words["zh"]
    assert [key for key, _ in english] == [key for key, _ in chinese]
    assert len(english) == len({key for key, _ in english})
    for (key, text), (_, other) in zip(english, chinese, strict=True):
        assert set(re.findall(r"\{(\w+)", text)) == set(re.findall(r"\{(\w+)", other)), key
        assert re.findall(r"<[^>]+>", text) == re.findall(r"<[^>]+>", other), key


def test_every_word_is_used():
    code = "".join(path.read_text() for path in LANGUAGES.parent.glob("*.*"))
    code += (LANGUAGES.parents[2] / "server" / "api" / "cards.py").read_text()
    built = ("step_", "state_", "time_", "sees_", "for_")  # their ends are kinds
    for key in json.loads((LANGUAGES / "en.json").read_text()):
        name = re.sub("_(one|other)$", "", key)
        assert f'"{name}"' in code or key.startswith(built), key
    assert {f"step_{kind}" for kind in (*KINDS.values(), OTHER)} <= sentences().words.texts.keys()
