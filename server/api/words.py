"""The page's words in the visitor's language; the page's script reads the same files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup
from werkzeug.datastructures import LanguageAccept

FOLDER = Path(__file__).parent / "static" / "words"
LANGUAGES = {"en": "en", "zh": "zh-Hans"}  # and what the page is told to be written in (BCP 47)
DEFAULT = "en"


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language.

    Attributes:
        language: one of `LANGUAGES`.
        texts: by key; `{name}` stands for a value, and of what is counted there are `key_one` and `key_other`.
    """

    language: str
    texts: Mapping[str, str]

    @property
    def tag(self) -> str:
        """The language as HTML is told it."""
        return LANGUAGES[self.language]

    def __call__(self, key: str, **values: Any) -> Markup:
        """Say something; values are escaped unless they are markup already."""
        return Markup(self.texts[key]).format(**values)  # noqa: S704 - our own words

    def counted(self, key: str, count: int) -> Markup:
        """Say how many there are."""
        return self(f"{key}_{'one' if count == 1 else 'other'}", count=count)

    def percent(self, probability: float) -> Markup:
        """Write a probability, as the page's script does."""
        value = 100 * probability
        return self("percent", value="< 0.1" if 0 < value < 0.1 else f"{value:.1f}")


def read_words() -> dict[str, Words]:
    """Read every language's file, by language."""
    return {name: Words(name, json.loads((FOLDER / f"{name}.json").read_text("utf-8"))) for name in LANGUAGES}


def language_for(accepted: LanguageAccept) -> str:
    """Choose the language that a browser would rather have; of whichever country."""
    wanted = (tag.lower().partition("-")[0] for tag, quality in accepted if quality > 0)  # the most wanted first
    return next((language for language in wanted if language in LANGUAGES), DEFAULT)
