"""Write what a run found as one HTML page with pictures, and what it suggests to move as a list."""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from models.store.durable import replace_file
from training.dataset import Dataset
from training.evaluate import Metrics, confusion_matrix, measure
from training.history import read_history
from training.image_folders import REMOVED_FOLDER
from training.intervals import in_words
from training.moves import Move, write_moves
from training.publish import FLOAT32_FILE
from training.report.answers import Answers, answers_of
from training.report.augmented import augmented
from training.report.curves import curves
from training.report.page import render
from training.report.photos import MAX_MATRIX_CLASSES, Cards, Cell
from training.report.rates import ClassRates, class_rates
from training.report.reliability import reliability, reliability_plot
from training.run import Run

REPORT_FILE = "report.html"
MOVES_FILE = "suggested-moves.csv"
NUM_WORST = 24
NUM_SUSPECTS = 60
_SCRIPT = Path(__file__).with_name("moves.js")


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of one part of the photos.

    Attributes:
        part: "test" or "validation".
        metrics: of all of them.
        right: how many are right, in words.
        rates: of each class.
        cells: of the confusion matrix, those with photos.
        reliability: figure.
    """

    part: str
    metrics: Metrics
    right: str
    rates: list[ClassRates]
    cells: list[Cell]
    reliability: Markup

    @classmethod
    def of(cls, answers: Answers, cards: Cards) -> Measured:
        """Measure the answers, and plan the pictures of the cells."""
        matrix = confusion_matrix(answers.probabilities, answers.split.targets)
        return cls(
            answers.part,
            measure(answers.probabilities, answers.split.targets),
            in_words(int(answers.is_right.sum()), len(answers.split), f"{answers.part} photos"),
            class_rates(matrix, cards.labels),
            cards.cells(answers),
            reliability_plot(reliability(answers.probabilities, answers.split.targets), name=answers.part),
        )

    @property
    def by_place(self) -> Mapping[tuple[int, int], Cell]:
        """The cells by row and column."""
        return {(cell.row, cell.column): cell for cell in self.cells}


def write_report(workdir: Path, run: Run, data: Dataset, parts: Sequence[Answers]) -> Path:
    """Write report.html and suggested-moves.csv into the folder of a run.

    Args:
        workdir: the run's folder.
        run: its record.
        data: what it was trained on.
        parts: what the model answers on photos that it has not learned from; the first are those for the figures.

    Returns:
        The page.
    """
    cards = Cards(run.labels)
    suspects = [card for answers in parts for card in cards.suspects(answers)]
    worst = cards.worst(parts, NUM_WORST)
    least_sure = cards.least_sure(parts, NUM_WORST)
    measured = [Measured.of(answers, cards) for answers in parts]
    script = _SCRIPT.read_text()
    page = render(
        Path(__file__).with_name("page.html"),
        run=run,
        data=data,
        settings=list(_flat(run.config.to_dict())),
        curves=curves(read_history(workdir)),
        measured=measured,
        look=[],
        copies=[],
        num_copies=0,
        suspects=suspects,
        num_suspects=NUM_SUSPECTS,
        worst=worst,
        least_sure=least_sure,
        augmented=augmented(data.train, run.config),
        max_matrix_classes=MAX_MATRIX_CLASSES,
        removed=REMOVED_FOLDER,
        photo_styles=cards.thumbnails.css(),
        moves_file=MOVES_FILE,
        command=f"python -m training relabel moves.csv --data {shlex.quote(run.data)}",
        script=Markup(script),  # noqa: S704  # our own
        script_sha256=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    moves = [Move(card.name, card.label, card.proposed, card.why) for card in suspects if card.can_move]
    write_moves(moves, workdir / MOVES_FILE)
    replace_file(workdir / REPORT_FILE, page.encode())
    return workdir / REPORT_FILE


def report_line(workdir: Path, run: Run, data: Dataset) -> str:
    """Write the report of a run, and say where it is; what fails is said, too, for the run is finished."""
    try:
        page = write_report(workdir, run, data, answers_of(workdir / FLOAT32_FILE, run, data))
    except Exception as error:  # noqa: BLE001  # whatever it is
        again = f"python -m training report --workdir {shlex.quote(str(workdir))}"
        return f"the report could not be written ({type(error).__name__}: {error}); `{again}` tries again"
    return f"what went wrong, as pictures: {page}"


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)
