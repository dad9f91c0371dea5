"""Choose the photos that a report shows: those of each cell of the confusion matrix, the worst, the least sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from models.measuring.metrics import confusion_matrix
from training.report.answered import Answered
from training.report.confident_learning import likely_wrong
from training.report.page import can_hold
from training.report.thumbnails import Thumbnails

NUM_IN_CELL = 12  # of mistakes; of what is right half as many
MAX_IN_CELLS = 400  # of one confusion matrix
MAX_MATRIX_CLASSES = 30  # with more, the most frequent mistakes are listed instead
MAX_PAIRS = 60


@dataclass(frozen=True, slots=True)
class Card:
    """One photo on the page.

    Attributes:
        style: class of the element that shows it; empty for no picture.
        name: path in the data set, or its number where photos have none.
        part: what it is for: "training", "validation" or "test".
        label: its class.
        why: what the model says of it, or what it is a copy of.
        proposed: class that it may belong to.
        can_move: whether a list of moves can name it.
    """

    style: str
    name: str
    part: str
    label: str
    why: str
    proposed: str
    can_move: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a confusion matrix.

    Attributes:
        row: index of the label.
        column: index of the likeliest label.
        count: of its photos.
        share: of the photos with that label, in [0, 1].
        cards: some of them.
    """

    row: int
    column: int
    count: int
    share: float
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Cards:
    """Makes the cards of a page, and plans their pictures."""

    labels: tuple[str, ...]
    thumbnails: Thumbnails = field(default_factory=Thumbnails)

    def card(self, photos: Answered, index: int, *, proposed: int | None = None) -> Card:
        """Make the card of a photo; by default the likeliest other class is proposed."""
        split, probabilities = photos.split, photos.probabilities[index]
        target = int(split.targets[index])
        order = [int(label) for label in np.argsort(-probabilities, kind="stable")[:3]]
        if proposed is None:
            proposed = next((label for label in order if label != target), target)
        said = [label for label in order if probabilities[label] >= 0.005] or order[:1]
        name = split.names[index] if split.names else f"photo {index + 1}"
        return Card(
            style=self.thumbnails.style_of(photos.part, split, index),
            name=name,
            part=photos.part,
            label=self.labels[target],
            why="answer: " + ", ".join(f"{self.labels[label]} {100 * probabilities[label]:.0f} %" for label in said),
            proposed=self.labels[proposed],
            can_move=bool(split.names) and can_hold(name),
        )

    def worst(self, parts: Sequence[Answered], number: int) -> list[Card]:
        """Return the wrong answers that are surest."""
        found = [
            (-photos.confidence[index], photos, int(index))
            for photos in parts
            for index in np.flatnonzero(~photos.is_right)
        ]
        return self._first(found, number)

    def least_sure(self, parts: Sequence[Answered], number: int) -> list[Card]:
        """Return the answers whose two likeliest labels are nearest to each other."""
        found = [(lead, photos, index) for photos in parts for index, lead in enumerate(photos.lead)]
        return self._first(found, number)

    def suspects(self, *models: Sequence[Answered]) -> list[Card]:
        """Return the photos whose labels are likely wrong, the surest first.

        Args:
            models: of each, the photos that it has not learned from.
        """
        found = []
        for parts in models:
            probabilities = np.concatenate([photos.probabilities for photos in parts])
            targets = np.concatenate([photos.split.targets for photos in parts])
            places = [(photos, index) for photos in parts for index in range(len(photos.split))]
            found += [(suspect, *places[suspect.index]) for suspect in likely_wrong(probabilities, targets)]
        found.sort(key=lambda suspect: -suspect[0].margin)
        return [self.card(photos, index, proposed=suspect.proposed) for suspect, photos, index in found]

    def cells(self, photos: Answered) -> list[Cell]:
        """Return the cells that have photos: the mistakes, the most frequent first, then what is right.

        With more than `MAX_MATRIX_CLASSES` labels they are the `MAX_PAIRS` most frequent mistakes.
        """
        matrix = confusion_matrix(photos.probabilities, photos.split.targets)
        totals = matrix.sum(axis=1)
        places = sorted(np.argwhere(matrix).tolist(), key=lambda at: (at[0] == at[1], -matrix[at[0], at[1]]))
        if len(matrix) > MAX_MATRIX_CLASSES:
            places = [at for at in places if at[0] != at[1]][:MAX_PAIRS]
        cells: list[Cell] = []
        left = MAX_IN_CELLS
        for row, column in places:
            members = np.flatnonzero((photos.split.targets == row) & (photos.likeliest == column))
            # The surest mistakes come first, and the least sure of what is right.
            ordered = members[np.argsort((1 if row == column else -1) * photos.confidence[members], kind="stable")]
            shown = ordered[: min(left, NUM_IN_CELL // 2 if row == column else NUM_IN_CELL)]
            left -= len(shown)
            cards = tuple(self.card(photos, int(index)) for index in shown)
            cells.append(Cell(row, column, len(members), len(members) / int(totals[row]), cards))
        return cells

    def _first(self, found: list[tuple[float, Answered, int]], number: int) -> list[Card]:
        found.sort(key=lambda photo: photo[0])
        return [self.card(photos, index) for _, photos, index in found[:number]]
