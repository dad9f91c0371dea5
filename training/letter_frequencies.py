"""How often languages write a letter: rough figures, enough to tell text from what a wrong encoding makes of it."""

from __future__ import annotations

from typing import NamedTuple


def _falling(letters: str, *, first: float, last: float) -> dict[str, float]:
    """Letters from the most to the least frequent, in geometric steps."""
    step = (last / first) ** (1 / max(1, len(letters) - 1))
    return {letter: first * step**index for index, letter in enumerate(letters)}


def _even(letters: str, share: float) -> dict[str, float]:
    return {letter: share / len(letters) for letter in letters}


def _range(first: str, last: str) -> str:
    return "".join(map(chr, range(ord(first), ord(last) + 1)))


# Of all letters, ASCII ones too: 3 to 20 of 100 have an accent.
_SEEN_AT_TIMES = _falling("°²³·ºªœžšýćłńğðþ", first=0.0005, last=0.00005)
WESTERN = {**_SEEN_AT_TIMES, **_falling("éäöüáíóèãçàêñúôâßåøæîûëïùõìò", first=0.03, last=0.002)}
CENTRAL = {**_SEEN_AT_TIMES, **_falling("áíéěýščřžůłóąęöüúőśćńżűźăâîșțşţťňď", first=0.03, last=0.002)}
TURKISH = {**_SEEN_AT_TIMES, **_falling("ıüşçöğâ", first=0.05, last=0.002)}
CYRILLIC = {
    **_falling("оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфёъ", first=0.11, last=0.0005),
    **_falling("іїєґўћђјљњ", first=0.001, last=0.0001),
}
GREEK = _falling("αοιετσνηυρπκμλςωγδχθφβξζψάέίόήύώϊϋ", first=0.12, last=0.002)
HEBREW = _falling("יוהלאתרבםמשנעדקחפכגטסןצזףךץ", first=0.11, last=0.002)
ARABIC = _falling("الينمرتوبعدةسفحكقجهشطصخضذزءأثظغئىإؤآ", first=0.13, last=0.0005)
THAI = _even(_range("ก", "ฺ") + _range("เ", "๎"), 1.0)
KANA = {
    **_even(_range("ぁ", "ん"), 0.33),
    **_even(_range("ァ", "ヴ") + "ー", 0.36),
    **_even(_range("｡", "ﾟ"), 0.002),
}


class Hangul(NamedTuple):
    """The parts of a syllable, in the order of Unicode."""

    initials: tuple[float, ...]
    vowels: tuple[float, ...]
    finals: tuple[float, ...]


def _percents(numbers: str) -> tuple[float, ...]:
    return tuple(float(number) / 100 for number in numbers.split())


HANGUL = Hangul(
    initials=_percents("13 1 8 8 1 8 6 6 .5 10 .5 20 7 .2 3 2 2 2 6"),
    vowels=_percents("20 6 2 .02 10 5 5 .5 12 2 .2 1 2 9 1 .1 1 1 8 1 16"),
    finals=_percents("56 7 .1 .01 13 .01 .1 .3 8 .1 .01 .01 .001 .001 .001 .01 5 2 .01 2 .5 8 .2 .2 .01 .2 .2 .2"),
)
