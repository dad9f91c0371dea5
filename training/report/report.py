"""Write what a run found as one HTML page with pictures, and what it suggests to move as a list."""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from models.files.hidden import REMOVED_FOLDER
from models.measuring.intervals import in_words
from models.measuring.metrics import Metrics, confusion_matrix
from models.store.durable import replace_file
from models.this_python import this_python
from training.dataset import Dataset
from training.history import read_history
from training.measured import MeasuredFile
from training.moves import Move, write_moves
from training.plots import numbers_in_plot
from training.report.answered import Answered, answered
from training.report.augmented import augmented
from training.report.copies import copies, needless
from training.report.curves import curves
from training.report.out_of_fold import out_of_fold
from training.report.page import render
from training.report.photos import MAX_MATRIX_CLASSES, Cards, Cell
from training.report.rates import ClassRates, class_rates
from training.report.reliability import reliability, reliability_plot
from training.run import Run, publications
from training.side_by_side import lines_of
from training.transfer.validation_score import FineTuned

REPORT_FILE = "report.html"
MOVES_FILE = "suggested-moves.csv"
NUM_WORST = 24
NUM_SUSPECTS = 60
TRUSTED_TOP1 = 0.7  # below it, most of what looks like a wrong label is a mistake of the model
SCRIPT = Path(__file__).with_name("moves.js")


@dataclass(frozen=True, slots=True)
class Part:
    """What the page says of the test or the validation photos.

    Attributes:
        name: "test" or "validation".
        right: how many are right, in words.
        rates: of each class.
        cells: of the confusion matrix, those with photos.
        reliability: figure.
        calibration: what its probabilities are worth, in words.
    """

    name: str
    right: str
    rates: list[ClassRates]
    cells: list[Cell]
    reliability: Markup
    calibration: str

    @classmethod
    def of(cls, photos: Answered, measured: MeasuredFile, cards: Cards) -> Part:
        """Say what was measured, and plan the pictures of the cells."""
        targets = photos.split.targets
        metrics = measured.metrics if photos.part == "test" else measured.validation
        return cls(
            name=photos.part,
            right=in_words(int(photos.is_right.sum()), len(targets), f"{photos.part} photo"),
            rates=class_rates(confusion_matrix(photos.probabilities, targets), cards.labels),
            cells=cards.cells(photos),
            reliability=reliability_plot(reliability(photos.probabilities, targets), name=photos.part),
            calibration=_calibration(metrics, measured.before_temperature.get(photos.part)),
        )

    @property
    def by_place(self) -> Mapping[tuple[int, int], Cell]:
        """The cells by row and column."""
        return {(cell.row, cell.column): cell for cell in self.cells}


def write_report(workdir: Path, run: Run, data: Dataset, measured: MeasuredFile) -> Path:
    """Write report.html and suggested-moves.csv into the folder of a run.

    Args:
        workdir: the run's folder.
        run: its record.
        data: what it was trained on.
        measured: its file, with the answers to test and validation photos.

    Returns:
        The page.
    """
    cards, photos = Cards(run.labels), answered(data, measured.answers)
    training = out_of_fold(workdir, run, data)
    suspects = cards.suspects(photos, *([[training]] if training else []))  # the first to be planned have pictures
    worst, least_sure = cards.worst(photos, NUM_WORST), cards.least_sure(photos, NUM_WORST)
    parts = [Part.of(some, measured, cards) for some in photos]
    relabel = f"{this_python()} -m training relabel"
    is_trusted = min(some.is_right.mean() for some in (*photos, *([training] if training else []))) >= TRUSTED_TOP1
    script = SCRIPT.read_text()
    page = render(
        Path(__file__).with_name("page.html"),
        run=run,
        data=data,
        settings=list(_flat(run.config.to_dict())),
        curves=curves(read_history(workdir)),
        fine_tuned=FineTuned.read(workdir),
        parts=parts,
        numbers=numbers_in_plot(run.labels),
        cross_validation=_cross_validation(workdir),
        copies=copies(data, cards.thumbnails),
        suspects=suspects,
        num_suspects=NUM_SUSPECTS,
        is_trusted=is_trusted,
        has_training=training is not None,
        worst=worst,
        least_sure=least_sure,
        augmented=augmented(data.train, run.config),
        max_matrix_classes=MAX_MATRIX_CLASSES,
        removed=REMOVED_FOLDER,
        photo_styles=cards.thumbnails.css(),
        moves_file=MOVES_FILE,
        command=f"{relabel} moves.csv --data {shlex.quote(run.photos_folder)}",
        suggested_command=f"{relabel} {shlex.join([str(workdir / MOVES_FILE), '--data', run.photos_folder])}",
        beside=[*lines_of(publications(workdir).get("float32", {}).get("side_by_side", ()))],
        script=Markup(script),  # noqa: S704  # our own
        script_sha256=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    moves = {move.path: move for move in needless(data.survey.copies)}
    if is_trusted:
        moves |= {card.name: Move(card.name, card.label, card.proposed, card.why) for card in suspects if card.can_move}
    write_moves(moves.values(), workdir / MOVES_FILE)
    replace_file(workdir / REPORT_FILE, page.encode())
    return workdir / REPORT_FILE


def report_line(workdir: Path, run: Run, data: Dataset, measured: MeasuredFile) -> str:
    """Write the report of a run, and say where it is; what fails is said, too, for the run is finished."""
    try:
        return f"what went wrong, as pictures: {write_report(workdir, run, data, measured)}"
    except Exception as error:  # noqa: BLE001  # whatever it is
        again = f"{this_python()} -m training report --workdir {shlex.quote(str(workdir))}"
        return f"the report could not be written ({type(error).__name__}: {error}); `{again}` tries again"


def _cross_validation(workdir: Path) -> str:
    """Say what is measured on all photos where those for testing are few; empty where they are not."""
    figures = publications(workdir).get("float32", {}).get("cross_validation")
    if not figures:
        return ""
    num_right = round(figures["top1"] * figures["num_images"])
    return in_words(num_right, figures["num_images"], "photo", f" in {figures['num_folds']} folds")


def _calibration(metrics: Metrics, before: Metrics | None) -> str:
    ece, loss = f"{100 * metrics.ece:.1f} %", f"{metrics.loss:.3f}"
    if metrics.ece_interval:
        low, high = (100 * end for end in metrics.ece_interval)
        ece += f" ({max(low, 0):.1f} to {high:.1f})"
    if before:
        ece, loss = f"{ece}, {100 * before.ece:.1f} % before the temperature", f"{loss}, {before.loss:.3f} before it"
    return f"calibration error (ECE) {ece}; loss {loss}"


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)
