"""Compares a runtime's answers to the golden pictures with what they should be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.errors import ArtifactError
from models.portable.golden import GOLDEN_FILE, fitted_pixels, read_golden
from models.portable.painting import PAINTED
from models.runtime.tensors import Images, Probabilities
from models.store.artifact import Artifact

GOLDEN, LITERT = "the golden answers", "LiteRT's"
# Of seven int8 files (the shipped ones, recipes/cifar10) OpenVINO comes to 0.017 to 0.039 where its sums are exact
# (imagenet, since it was made anew, to 0.047), and to 0.057 to 0.39 where they saturate (ONEDNN_MAX_CPU_ISA=AVX2):
# `python -m models.runtime_choice.trial`. The pictures are painted, so that models are in more doubt about them than
# about photos, and roundings tell more.
MAX_DISTANCE = 0.045
# Between the reference's best two: to change places they take half of it of the distance, several roundings' worth.
WIDE_MARGIN = 0.2


@dataclass(frozen=True, slots=True)
class Reference:
    """What the answers to the golden pictures should be.

    Attributes:
        pixels: of the pictures, uint8 [H, W, 3] each.
        probabilities: float32 [N, C].
        source: whose they are, GOLDEN or LITERT.
    """

    pixels: Images
    probabilities: Probabilities
    source: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """How answers differ from the reference.

    Attributes:
        distance: total variation distance, 0 to 1, mean over the pictures.
        num_same_label: pictures with the reference's label.
        num_pictures: all of them.
        num_other_label: pictures with another label though the reference was in no doubt.
    """

    distance: float
    num_same_label: int
    num_pictures: int
    num_other_label: int

    @property
    def fault(self) -> str:
        """Say in what the answers are not those of the model; "" where they are."""
        if self.num_other_label:
            return f"{self.num_other_label} of {self.num_pictures} pictures get another label"
        if not self.distance <= MAX_DISTANCE:  # NaN, too
            return f"probabilities differ by {self.distance:.3f} where {MAX_DISTANCE:g} is allowed"
        return ""


def reference_for(artifact: Artifact, answer: Callable[[Images], Probabilities]) -> Reference:
    """Read the golden answers that belong to the artifact's file; LiteRT's, `answer`'s, where there are none."""
    manifest = artifact.manifest
    pixels = [fitted_pixels(name, manifest.pixels) for name in PAINTED]
    try:
        golden = read_golden(artifact.path / GOLDEN_FILE)
        is_its_own = (
            golden.model_sha256 == manifest.files[manifest.formats["litert"].file]
            and [picture.file for picture in golden.pictures] == list(PAINTED)
            and golden.labels == manifest.labels
        )
    except ArtifactError:
        is_its_own = False
    if is_its_own:
        return Reference(pixels, golden.probabilities, GOLDEN)
    return Reference(pixels, answer(pixels), LITERT)


def compare(answers: Probabilities, right: Probabilities) -> Agreement:
    """Compare answers, float32 [N, C], with the right ones."""
    differences = np.abs(answers.astype(np.float64) - right)
    same = answers.argmax(axis=1) == right.argmax(axis=1)
    best_two = np.sort(right, axis=1)[:, -2:]
    margins = best_two[:, -1] - best_two[:, 0] if right.shape[1] > 1 else np.ones(len(right))
    return Agreement(
        distance=float(differences.sum(axis=1).mean() / 2),
        num_same_label=int(same.sum()),
        num_pictures=len(right),
        num_other_label=int((~same & (margins > WIDE_MARGIN)).sum()),
    )
