"""Show the photos that are there more than once, with what may be moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.files.hidden import REMOVED_FOLDER
from training.dataset import Dataset
from training.moves import Move
from training.report.page import can_hold
from training.report.photos import Card
from training.report.thumbnails import Thumbnails
from training.survey import CopyGroup

MAX_GROUPS = 40
MAX_IN_GROUP = 6
KEPT_FIRST = ("test", "validation", "train", "left out")


@dataclass(frozen=True, slots=True)
class Copies:
    """A group of photos that are one picture.

    Attributes:
        title: what they have in common, in words.
        cards: some of them.
    """

    title: str
    cards: list[Card]


def copies(data: Dataset, thumbnails: Thumbnails) -> list[Copies]:
    """Return the first groups: those in several classes come first, as one of their labels is wrong."""
    ordered = sorted(data.survey.copies, key=lambda group: (len(set(group.labels)) == 1, not group.same_bytes))
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    places = {name: (part, index) for part, split in parts.items() for index, name in enumerate(split.names)}
    found = []
    for group in ordered[:MAX_GROUPS]:
        classes = list(dict.fromkeys(group.labels))
        likeness = "the same bytes" if group.same_bytes else "the same picture, or nearly so"
        cards = []
        for name, label, part in list(zip(group.names, group.labels, group.sets, strict=True))[:MAX_IN_GROUP]:
            place = places.get(name)
            cards.append(
                Card(
                    style=thumbnails.style_of(place[0], parts[place[0]], place[1]) if place else "",
                    name=name,
                    part="training" if part == "train" else part,
                    label=label,
                    why=likeness,
                    proposed=next((other for other in classes if other != label), REMOVED_FOLDER),
                    can_move=can_hold(name),
                )
            )
        title = likeness if len(classes) == 1 else f"in {' and '.join(classes)}: one is wrong ({likeness})"
        found.append(Copies(title, cards))
    return found


def needless(groups: Sequence[CopyGroup]) -> list[Move]:
    """Return the moves that leave one of the files of the same bytes in a class; a test photo rather than another."""
    moves = []
    for group in groups:
        if group.same_bytes and len(set(group.labels)) == 1:
            kept = min(range(len(group.names)), key=lambda index: KEPT_FIRST.index(group.sets[index]))
            why = f"the same bytes as {group.names[kept]}"
            others = (name for name in group.names if name != group.names[kept] and can_hold(name))
            moves += [Move(name, group.labels[0], REMOVED_FOLDER, why) for name in others]
    return moves
