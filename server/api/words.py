"""The page's words in the visitor's language; the page's script reads the same files."""

from __future__ import annotations

from pathlib import Path

from werkzeug.datastructures import LanguageAccept

from models import words
from models.words import DEFAULT, LANGUAGES, Words

FOLDER = Path(__file__).parent / "static" / "words"


def read_words() -> dict[str, Words]:
    """Read every language's file, by language."""
    return words.read_words(FOLDER)


def language_for(accepted: LanguageAccept) -> str:
    """Choose the language that a browser would rather have; of whichever country."""
    wanted = (tag.lower().partition("-")[0] for tag, quality in accepted if quality > 0)  # the most wanted first
    return next((language for language in wanted if language in LANGUAGES), DEFAULT)
