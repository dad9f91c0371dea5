"""Words that a person reads, in several languages: a file of each, with the same keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

LANGUAGES = {"en": "en", "zh": "zh-Hans"}  # and what a page is told to be written in (BCP 47)
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

    def plain(self, key: str, **values: Any) -> str:
        """Say something that is no markup, and is yet to be escaped where it becomes part of a page."""
        return self.texts[key].format(**values)

    def counted(self, key: str, count: int) -> Markup:
        """Say how many there are."""
        return self(counted_key(key, count), count=count)

    def percent(self, probability: float) -> Markup:
        """Write a probability, as the page's script does."""
        value = 100 * probability
        return self("percent", value="< 0.1" if 0 < value < 0.1 else f"{value:.1f}")


def counted_key(key: str, count: int) -> str:
    """Choose between the words for one and for several."""
    return f"{key}_{'one' if count == 1 else 'other'}"


def read_words(folder: Path) -> dict[str, Words]:
    """Read every language's file, by language."""
    return {name: Words(name, json.loads((folder / f"{name}.json").read_text("utf-8"))) for name in LANGUAGES}
