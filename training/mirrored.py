"""Find classes that a mirrored photo may not belong to: flipping teaches a network what is not so."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Sides, in languages that folders are often named in, and what is read.
SIDES = {
    "left", "right", "links", "rechts", "gauche", "droite", "izquierda", "derecha", "esquerda", "direita", "sinistra",
    "destra", "clockwise", "anticlockwise", "counterclockwise",
}  # fmt: skip
SIDES_WITHOUT_SPACES = re.compile("[左右]")
READ = {"digit", "digits", "letter", "letters", "number", "numbers", "text", "word", "words", "character", "characters"}
MIN_ALPHABET = 5  # two classes "a" and "b" may be anything


def classes_that_mirroring_may_change(labels: Sequence[str]) -> tuple[str, ...]:
    """Return labels that name a side or something that is read, such as "turn left" or "letter_b"; a hint only.

    Where all are single characters, as in "0" to "9", all are returned.
    """
    if len(labels) >= MIN_ALPHABET and all(len(label) == 1 for label in labels):
        return tuple(labels)
    words = {label: set(map(str.lower, re.findall(r"[^\W\d_]?[^\W\d_A-Z]+|[^\W\d_]+", label))) for label in labels}
    return tuple(label for label in labels if words[label] & (SIDES | READ) or SIDES_WITHOUT_SPACES.search(label))
