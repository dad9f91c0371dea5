"""Plot the curves of a run and a confusion matrix into PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from models.store.durable import replacing
from training.history import EpochRecord

MAX_NAMED_CLASSES = 40  # beyond that the names are too small to read
MAX_NUMBERED_CLASSES = 20
MAX_NAME_LENGTH = 24  # longer ones leave no room for the matrix


def plot_curves(records: Sequence[EpochRecord], path: Path) -> None:
    """Plot loss, accuracy and learning rate over the epochs."""
    figure = Figure(figsize=(12, 4), layout="constrained")
    loss, accuracy, lr = figure.subplots(1, 3)
    epochs = [record.epoch for record in records]
    loss.plot(epochs, [record.train_loss for record in records], label="training (smoothed labels)")
    loss.plot(epochs, [record.validation_loss for record in records], label="validation (averaged weights)")
    accuracy.plot(epochs, [100 * record.train_accuracy for record in records], label="training (augmented)")
    accuracy.plot(
        epochs, [100 * record.validation_accuracy for record in records], label="validation (averaged weights)"
    )
    lr.plot(epochs, [record.lr for record in records])
    for axes, title in ((loss, "cross-entropy"), (accuracy, "accuracy, %"), (lr, "learning rate")):
        axes.set(title=title, xlabel="epoch")
        axes.grid(alpha=0.3)
    loss.set_yscale("log")
    loss.legend()
    accuracy.legend()
    _save(figure, path)


def plot_confusion(matrix: npt.NDArray[np.int64], labels: Sequence[str], path: Path) -> None:
    """Plot a confusion matrix, int64 [C, C], with each count coloured by its share of the row.

    A class whose name the font cannot show has its number instead, which the run's report tells.
    """
    share = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
    side = min(16.0, 4.0 + 0.5 * len(labels))
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="predicted", ylabel="label")
    if len(labels) <= MAX_NAMED_CLASSES:
        numbers, names = numbers_in_plot(labels), [" ".join(label.split()) for label in labels]
        names = [name if len(name) <= MAX_NAME_LENGTH else f"{name[: MAX_NAME_LENGTH - 1]}…" for name in names]
        names = [numbers.get(label, name) for label, name in zip(labels, names, strict=True)]
        # A name may hold dollar signs, which matplotlib would read as mathematics between.
        axes.set_xticks(range(len(labels)), names, rotation=90, parse_math=False)
        axes.set_yticks(range(len(labels)), names, parse_math=False)
    if len(labels) <= MAX_NUMBERED_CLASSES:
        for row, column in np.argwhere(matrix):
            colour = "white" if share[row, column] > 0.5 else "black"
            axes.text(column, row, matrix[row, column], ha="center", va="center", color=colour, fontsize=8)
    _save(figure, path)


def numbers_in_plot(labels: Sequence[str]) -> dict[str, str]:
    """Return, by label, what stands in a plot for those that its font cannot show: "#3" for the third."""
    glyphs = get_font(findfont(FontProperties())).get_charmap()
    return {
        label: f"#{number}"
        for number, label in enumerate(labels, start=1)
        if not label.split() or any(ord(character) not in glyphs for character in "".join(label.split()))
    }


def _save(figure: Any, path: Path) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
