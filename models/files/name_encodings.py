"""Guesses in which encoding names were written, where nothing says so: the one in which they are the likeliest text."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass

from models.files.letter_frequencies import (
    ARABIC,
    CENTRAL,
    CYRILLIC,
    GREEK,
    HANGUL,
    HEBREW,
    KANA,
    KANJI,
    SIMPLIFIED,
    THAI,
    TURKISH,
    WESTERN,
)

Likelihood = Callable[[str], float]  # of one character that is not ASCII

_RARE = 1e-7  # of what a language does not write: box drawing, private use, letters of another script
_ASCII = dict.fromkeys("\\^`{|}~[]@", 0.001)
_MAX_NAMES = 2000
_SURE = 2.0  # natural logarithm of how much likelier it is than the next text: 7 times
# Fewer bytes tell too little, whatever the likelihood: of 291 single words in 16 languages 15 % were read wrongly, 5 %
# surely so; with this, none surely (of pairs of words 8 % and 1 %).
_FEW_BYTES = 5


@dataclass(frozen=True, slots=True)
class Guess:
    """An encoding for names.

    Attributes:
        encoding: Python's name of it.
        is_sure: no other one makes a text of them that is nearly as likely.
    """

    encoding: str
    is_sure: bool


def guess_encoding(names: Collection[bytes]) -> Guess:
    """Guess the encoding of names; UTF-8 where all of them can be, unless these are a few bytes that may be others."""
    telling = sorted({part for name in names for part in name.split(b"/") if not part.isascii()})[:_MAX_NAMES]
    num_bytes = sum(byte >= 0x80 for part in telling for byte in part)
    if is_encoded(names, "utf-8"):
        read = [part.decode() for part in telling]
        is_text = not any(unicodedata.category(char) in ("Cn", "Co", "Cc") for text in read for char in text)
        is_long = num_bytes >= _FEW_BYTES or any(char > "\u07ff" or char.isascii() for text in read for char in text)
        if is_text and (is_long or not telling):
            return Guess("utf-8", is_sure=True)
    scores: dict[tuple[str, ...], tuple[float, str]] = {}
    for encoding, (likelihood, mixing, prior) in _ENCODINGS.items():
        if is_encoded(names, encoding):
            texts = tuple(part.decode(encoding) for part in telling)
            score = math.log(prior) + sum(_log_likelihood(text, likelihood, mixing) for text in texts)
            scores[texts] = max((score, encoding), scores.get(texts, (score, encoding)))
    (best, encoding), *others = sorted(scores.values(), reverse=True)
    return Guess(encoding, is_sure=num_bytes >= _FEW_BYTES and (not others or best - others[0][0] > _SURE))


def is_encoded(names: Collection[bytes], encoding: str) -> bool:
    """Tell whether all names can be decoded so."""
    try:
        for name in names:
            name.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _log_likelihood(text: str, likelihood: Likelihood, mixing: float) -> float:
    """Sum over the characters.

    Args:
        text: a name.
        likelihood: of a character that is not ASCII.
        mixing: by how much it is likelier beside an ASCII letter; by so much less beside another that is not ASCII,
            where that is more than 1.
    """
    total = 0.0
    text = unicodedata.normalize("NFC", text)
    for before, char, after in zip(" " + text, text, text[1:] + " ", strict=False):
        value = likelihood(char) if not char.isascii() else _ASCII.get(char, 0.04 if char.isalnum() else 0.01)
        if char.isupper():
            value *= 0.3 if not before.isalpha() else 0.1 if before.isupper() else 0.02
        if _is_mark(char) and not before.isalpha() and not _is_mark(before):
            value = _RARE  # a mark stands on a letter
        for neighbour in (before, after) if not char.isascii() else ():
            if neighbour.isascii():
                value *= mixing if neighbour.islower() or (neighbour.isupper() and mixing < 1) else 1.0
            else:
                value /= max(1.0, mixing)
        total += math.log(max(value, _RARE))
    return total


def _is_mark(char: str) -> bool:
    return unicodedata.category(char) == "Mn"


def _alphabet(frequencies: dict[str, float]) -> Likelihood:
    return lambda char: frequencies.get(char.lower(), _RARE)


def _chinese(encoding: str, first: int, last: int, num_first: int, common: frozenset[str] = frozenset()) -> Likelihood:
    """Half of a text is of the common characters; most of the rest of the first level of a national standard.

    Args:
        encoding: whose lead bytes tell the level.
        first: lead byte of the first level.
        last: lead byte of the first level.
        num_first: characters of the first level.
        common: the most frequent characters; none where they are not known.
    """
    share = 0.5 if common else 0.0

    def likelihood(char: str) -> float:
        try:
            lead = char.encode(encoding)[0]
        except UnicodeEncodeError:
            return _RARE
        if not "\u3400" <= char <= "\u9fff":
            return 1e-6
        if char in common:
            return share / len(common)
        return (0.97 - share) / num_first if first <= lead <= last else 0.03 / 7000

    return likelihood


_japanese_kanji = _chinese("shift_jis", 0x88, 0x97, 2965, KANJI)


def _japanese(char: str) -> float:
    return KANA.get(char) or 0.3 * _japanese_kanji(char)


def _korean(char: str) -> float:
    """Hangul by the frequencies of its parts; hanja are rare."""
    if not "가" <= char <= "힣":
        return _RARE
    rest, final = divmod(ord(char) - ord("가"), 28)
    initial, vowel = divmod(rest, 21)
    return HANGUL.initials[initial] * HANGUL.vowels[vowel] * HANGUL.finals[final]


def _any_alphabet(char: str) -> float:
    """The letters that UTF-8 writes with two bytes."""
    return max(
        frequencies.get(char.lower(), 0.0) for frequencies in (WESTERN, CENTRAL, CYRILLIC, GREEK, HEBREW, ARABIC)
    )


_SIMPLIFIED = _chinese("gb2312", 0xB0, 0xD7, 3755, SIMPLIFIED)
_TRADITIONAL = _chinese("big5", 0xA4, 0xC6, 5401)

# What writes without the flag for UTF-8: Windows in its code pages for consoles (437 to 866) and for windows (1250 on),
# macOS before X. Likelihood; what a letter counts more between ASCII letters; and how often an encoding is met.
_ENCODINGS: dict[str, tuple[Likelihood, float, float]] = {
    "utf-8": (_any_alphabet, 1.0, 1.0),
    "cp437": (_alphabet(WESTERN), 3.0, 1.0),
    "cp850": (_alphabet(WESTERN), 3.0, 0.9),
    "cp1252": (_alphabet(WESTERN), 3.0, 0.8),
    "cp852": (_alphabet(CENTRAL), 3.0, 0.2),
    "cp1250": (_alphabet(CENTRAL), 3.0, 0.2),
    "cp857": (_alphabet(TURKISH), 3.0, 0.1),
    "cp1254": (_alphabet(TURKISH), 3.0, 0.1),
    "mac_roman": (_alphabet(WESTERN), 3.0, 0.05),
    "gb18030": (_SIMPLIFIED, 0.1, 1.0),
    "cp932": (_japanese, 0.1, 1.0),
    "cp949": (_korean, 0.1, 0.5),
    "big5": (_TRADITIONAL, 0.1, 0.3),
    "euc_jp": (_japanese, 0.1, 0.02),
    "cp866": (_alphabet(CYRILLIC), 0.01, 0.5),
    "cp1251": (_alphabet(CYRILLIC), 0.01, 0.3),
    "koi8_r": (_alphabet(CYRILLIC), 0.01, 0.05),
    "cp737": (_alphabet(GREEK), 0.01, 0.1),
    "cp1253": (_alphabet(GREEK), 0.01, 0.1),
    "cp862": (_alphabet(HEBREW), 0.01, 0.05),
    "cp1255": (_alphabet(HEBREW), 0.01, 0.05),
    "cp864": (_alphabet(ARABIC), 0.01, 0.02),
    "cp1256": (_alphabet(ARABIC), 0.01, 0.05),
    "cp874": (_alphabet(THAI), 0.01, 0.1),
}
