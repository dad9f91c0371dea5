"""The page's words: both languages say the same things, nothing is missing, and nothing is left over."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import server.api
from models.errors import OpsinError
from server.api.words import LANGUAGES, read_words

ROOT = Path(server.api.__file__).parent
WORDS = read_words()
CODE = "\n".join(
    path.read_text()
    for pattern in (
        "templates/page.html",
        "templates/not_let_in.html",
        "templates/page/*.html",
        "static/page/*.js",
        "static/*.js",
        "*.py",
    )
    for path in ROOT.glob(pattern)
)
PARTS = ("prepare", "upload", "decode", "queue", "inference", "rest")


def all_codes(kind: type[OpsinError] = OpsinError) -> set[str]:
    return {kind.code}.union(*(all_codes(child) for child in kind.__subclasses__()))


# What a browser is never told: they are of the admin's requests, or for nobody.
NOT_OF_THE_PAGE = {"load_failed", "missing_admin_token", "invalid_admin_token", "admin_off"}


def is_used(key):
    if key.startswith("error_"):
        return key.removeprefix("error_") in {*all_codes(), "internal_error", "not_found", "method_not_allowed"}
    if key.startswith("time_"):
        return key.removeprefix("time_") in PARTS
    return re.search(rf"""["']{re.sub("_(one|other)$", "", key)}["']""", CODE) is not None


def test_languages_have_the_same_keys_in_the_same_order():
    first, *others = [list(WORDS[language].texts) for language in LANGUAGES]
    assert all(other == first for other in others)


@pytest.mark.parametrize("key", WORDS["en"].texts)
def test_key_is_used_and_filled_in_alike(key):
    assert is_used(key)
    values = [sorted(re.findall(r"\{(\w+)\}", words.texts[key])) for words in WORDS.values()]
    assert all(each == values[0] for each in values)
    assert all(words.texts[key].strip() == words.texts[key] != "" for words in WORDS.values())


def test_what_is_said_is_there():
    said = re.findall(r"""\bt\(["']([a-z_]+)["'][,)]""", CODE)
    counted = re.findall(r"""\bcounted\(["']([a-z_]+)["'],""", CODE)
    assert len(said) > 40
    assert len(counted) == 3
    assert {*said, *(f"{key}_{form}" for key in counted for form in ("one", "other"))} <= {*WORDS["en"].texts}


def test_every_error_of_the_api_is_said_in_every_language():
    table = re.findall(r"^\| \d{3} \| .* \|$", (ROOT.parents[1] / "docs" / "api.md").read_text(), re.MULTILINE)
    codes = set(re.findall(r"`([a-z_]+)`", "".join(table))) - NOT_OF_THE_PAGE
    assert len(codes) > 25
    assert {f"error_{code}" for code in codes} <= {*WORDS["en"].texts}


def test_no_key_stands_twice():
    for language in LANGUAGES:
        pairs = json.loads((ROOT / f"static/words/{language}.json").read_text(), object_pairs_hook=list)
        assert len(pairs) == len(dict(pairs))


def test_values_are_escaped_and_markup_is_kept():
    words = WORDS["en"]
    assert words("model_option", name="<b>", version=1) == "&lt;b&gt;, version 1"
    assert words.counted("classes", 1) == "1 class"
    assert words.counted("classes", 2) == "2 classes"


@pytest.mark.parametrize(
    ("probability", "text"), [(0.99221, "99.2 %"), (0.0004, "< 0.1 %"), (0.0, "0.0 %"), (1, "100.0 %")]
)
def test_percent_is_written_as_the_script_writes_it(probability, text):
    assert WORDS["en"].percent(probability).unescape() == text
    assert WORDS["zh"].percent(probability).unescape() == text.replace(" %", "%")
