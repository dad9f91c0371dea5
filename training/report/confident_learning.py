"""Find labels that are likely wrong: confident learning (Northcutt, Jiang and Chuang, arXiv:1911.00068)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.dataset import Targets

Probabilities = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Suspect:
    """An image whose label is likely wrong.

    Attributes:
        index: of the image.
        proposed: index of the label that it likely should have.
        margin: probability of the proposed label minus that of its own, in (0, 1].
    """

    index: int
    proposed: int
    margin: float


def confident_joint(probabilities: Probabilities, targets: Targets) -> npt.NDArray[np.int64]:
    """Count images by their label (row) and the one that they surely have (column), int64 [C, C].

    An image surely has the likeliest of the labels whose probability is at least the mean that images with that label
    give it; an image without one is not counted (equation 1 of the paper).
    """
    num_classes = probabilities.shape[1]
    totals = np.bincount(targets, minlength=num_classes)
    own = probabilities[np.arange(len(targets)), targets]
    thresholds = np.where(totals, np.bincount(targets, own, num_classes) / np.maximum(totals, 1), np.inf)
    reached = np.where(probabilities >= thresholds, probabilities, -1.0)
    is_sure = reached.max(axis=1) >= 0
    cells = targets[is_sure] * num_classes + reached[is_sure].argmax(axis=1)
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def expected_counts(probabilities: Probabilities, targets: Targets) -> npt.NDArray[np.float64]:
    """Estimate how many images have each label (row) and should have another (column), float64 [C, C].

    The confident joint, each row scaled to the images with that label (equation 2 of the paper, times N).
    """
    joint = confident_joint(probabilities, targets).astype(np.float64)
    totals = np.bincount(targets, minlength=len(joint))
    sums = joint.sum(axis=1)
    joint[sums == 0, sums == 0] = 1.0  # a label that no image surely has is taken as it is
    scaled: npt.NDArray[np.float64] = joint / joint.sum(axis=1, keepdims=True) * totals[:, None]
    return scaled


def likely_wrong(probabilities: Probabilities, targets: Targets) -> list[Suspect]:
    """Find the images whose labels are likely wrong, the surest first ("prune by noise rate", section 3.2).

    Of the images with label s, as many as should have label k are taken: those of the largest p_k - p_s. Those whose
    own label is the likeliest are not.

    Args:
        probabilities: float [N, C], of a model that has not learned from these images.
        targets: int64 [N], the labels that they have.
    """
    counts = np.rint(expected_counts(probabilities, targets)).astype(np.int64)
    likeliest = probabilities.argmax(axis=1)
    margins = probabilities.max(axis=1) - probabilities[np.arange(len(targets)), targets]
    suspects = set()
    for label, proposed in zip(*np.nonzero(counts), strict=True):
        if label == proposed:
            continue
        members = np.flatnonzero(targets == label)
        differences = probabilities[members, proposed] - probabilities[members, label]
        suspects.update(members[np.argsort(-differences, kind="stable")[: counts[label, proposed]]].tolist())
    ordered = sorted((index for index in suspects if margins[index] > 0), key=lambda index: -margins[index])
    return [Suspect(index, int(likeliest[index]), float(margins[index])) for index in ordered]
