"""Draw how often a model is right when it says how sure it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from models.measuring.metrics import NUM_CALIBRATION_BINS
from models.runtime.tensors import Probabilities
from training.dataset import Targets
from training.report.svg import ACCENT, GRID, SOFT, SURFACE, drawing, inlined

WIDTH_PX, HEIGHT_PX = 400, 320


@dataclass(frozen=True, slots=True)
class Bins:
    """Images by the largest probability of their answer, in bins of equal width; only those that have any.

    Attributes:
        num_images: int64 [B].
        confidence: mean of the largest probability, float64 [B].
        accuracy: fraction of right labels, float64 [B].
    """

    num_images: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float64]
    accuracy: npt.NDArray[np.float64]


def reliability(probabilities: Probabilities, targets: Targets) -> Bins:
    """Put images into bins as the expected calibration error does (arXiv:1706.04599)."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    is_right = probabilities.argmax(axis=1) == targets
    bins = np.minimum((confidence * NUM_CALIBRATION_BINS).astype(np.int64), NUM_CALIBRATION_BINS - 1)
    counts = np.bincount(bins, minlength=NUM_CALIBRATION_BINS)
    sums = (np.bincount(bins, values, NUM_CALIBRATION_BINS) for values in (confidence, is_right))
    confidences, accuracies = (total[counts > 0] / counts[counts > 0] for total in sums)
    return Bins(counts[counts > 0], confidences, accuracies)


def reliability_plot(bins: Bins, *, name: str) -> Markup:
    """Draw accuracy against confidence, a point for each bin, larger the more images it has."""
    with drawing(WIDTH_PX, HEIGHT_PX, salt=f"reliability {name}") as figure:
        figure.set_layout_engine("constrained")
        axes = figure.subplots()
        axes.set_facecolor(SURFACE)
        axes.plot([0, 100], [0, 100], color=SOFT, linewidth=1, dashes=(4, 3))
        sizes = 30 + 400 * bins.num_images / bins.num_images.sum()
        axes.vlines(100 * bins.confidence, 100 * bins.confidence, 100 * bins.accuracy, color=ACCENT, alpha=0.5)
        axes.scatter(100 * bins.confidence, 100 * bins.accuracy, s=sizes, color=ACCENT, alpha=0.85, linewidth=0)
        axes.set_title("right labels, %", color=SOFT, fontsize=12, loc="left")
        axes.set_xlabel("probability of the answer, %", color=SOFT)
        axes.set(xlim=(0, 104), ylim=(-4, 104))
        axes.grid(color=GRID)
        axes.set_axisbelow(True)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelcolor=SOFT, labelsize=11)
        points = zip(bins.num_images, bins.confidence, bins.accuracy, strict=True)
        said = "; ".join(f"{number} at {sure:.0%}: {right:.0%} right" for number, sure, right in points)
        return inlined(figure, description=f"how often the {name} photos' answers are right: {said}")
