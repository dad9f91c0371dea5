"""What a version answered to its test images, counted: what its card shows of each class. Carried by the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.store.calibration import Calibration
from models.store.columns import count, fraction, from_columns, to_columns, validate_counts

NUM_BINS = 15  # of the same width, as of the expected calibration error (arXiv:1706.04599)
MAX_CONFUSIONS = 2000  # pairs of labels; the others are known by number alone
COVERAGES = (0.8, 0.9, 0.95, 0.99)


class Confusion(NamedTuple):
    """Images of one class that were answered as another; both are indices of labels."""

    label: int
    answer: int
    num_images: int


class Bin(NamedTuple):
    """Images by their confidence, the largest probability: how many, how many right, and the mean of it."""

    num_images: int
    num_right: int
    mean_confidence: float


class LabelSets(NamedTuple):
    """The sets of labels that are to hold the right one so often: how many do, and how many labels they have."""

    coverage: float
    num_right: int
    mean_labels: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Answers to test images.

    Attributes:
        precision: of the model file that gave them.
        num_images: of each class, in the order of the labels.
        num_right: those of them whose likeliest label is right.
        num_answered: images whose likeliest label this class is, whatever they show.
        confusions: the most frequent, most first; at most MAX_CONFUSIONS.
        reliability: NUM_BINS of the same width, by confidence.
        label_sets: by coverage; none without calibration.

    Raises:
        ValueError: a field is malformed, or the counts contradict each other; the message names the field.
    """

    precision: str
    num_images: tuple[int, ...]
    num_right: tuple[int, ...]
    num_answered: tuple[int, ...]
    confusions: tuple[Confusion, ...]
    reliability: tuple[Bin, ...]
    label_sets: tuple[LabelSets, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.precision, str) or not self.precision:
            raise ValueError(f"evaluation.precision must be a text such as int8, got {self.precision!r}")
        num_classes = len(self.num_images)
        for name in ("num_images", "num_right", "num_answered"):
            object.__setattr__(self, name, validate_counts(getattr(self, name), f"evaluation.{name}", num_classes))
        total, num_right = sum(self.num_images), sum(self.num_right)
        if not total or sum(self.num_answered) != total:
            raise ValueError(f"evaluation.num_answered must count the same images as num_images, at least one: {total}")
        columns = zip(self.num_right, self.num_images, self.num_answered, strict=True)
        if any(right > min(images, answered) for right, images, answered in columns):
            raise ValueError("evaluation.num_right must be no more than num_images and num_answered of each class")
        _check_confusions(self.confusions, [*zip(self.num_images, self.num_right, strict=True)])
        of_bins = (sum(each.num_images for each in self.reliability), sum(each.num_right for each in self.reliability))
        if len(self.reliability) != NUM_BINS or of_bins != (total, num_right):
            raise ValueError(f"evaluation.reliability must have {NUM_BINS} bins of all images, got {of_bins}")
        for each in self.reliability:
            if count(each.num_right, "evaluation.reliability.num_right") > count(
                each.num_images, "evaluation.reliability.num_images"
            ):
                raise ValueError("evaluation.reliability.num_right must be no more than num_images of each bin")
            fraction(each.mean_confidence, "evaluation.reliability.mean_confidence")
        for sets in self.label_sets:
            fraction(sets.coverage, "evaluation.label_sets.coverage")
            if (
                count(sets.num_right, "evaluation.label_sets.num_right") > total
                or not 0 < sets.mean_labels <= num_classes
            ):
                raise ValueError("evaluation.label_sets must hold at most all images and at most all labels")

    @property
    def num_unlisted(self) -> int:
        """Images answered wrong of pairs that `confusions` has no room for."""
        listed = sum(each.num_images for each in self.confusions)
        return sum(self.num_images) - sum(self.num_right) - listed

    @classmethod
    def of(
        cls,
        probabilities: npt.NDArray[np.float32],
        targets: npt.NDArray[np.int64],
        *,
        precision: str,
        calibration: Calibration | None = None,
    ) -> Evaluation:
        """Count answers.

        Args:
            probabilities: float32 [N, C], N at least 1.
            targets: int64 [N].
            precision: of the model file.
            calibration: with scores, for sets of labels.
        """
        num_classes = probabilities.shape[1]
        answers, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
        is_right = answers == targets
        cells, numbers = np.unique((targets * num_classes + answers)[~is_right], return_counts=True)
        most = np.argsort(-numbers, kind="stable")[:MAX_CONFUSIONS]
        pairs = (
            Confusion(int(cells[place]) // num_classes, int(cells[place]) % num_classes, int(numbers[place]))
            for place in most
        )
        bins = np.minimum((confidence * NUM_BINS).astype(np.int64), NUM_BINS - 1)
        in_bins = np.bincount(bins, minlength=NUM_BINS)
        mean = np.bincount(bins, weights=confidence, minlength=NUM_BINS) / np.maximum(in_bins, 1)
        right_in_bins = np.bincount(bins[is_right], minlength=NUM_BINS)
        return cls(
            precision,
            tuple(np.bincount(targets, minlength=num_classes).tolist()),
            tuple(np.bincount(targets[is_right], minlength=num_classes).tolist()),
            tuple(np.bincount(answers, minlength=num_classes).tolist()),
            tuple(pairs),
            tuple(
                Bin(int(images), int(right), round(min(1.0, float(confidence)), 6))
                for images, right, confidence in zip(in_bins, right_in_bins, mean, strict=True)
            ),
            _label_sets(probabilities, targets, calibration) if calibration and calibration.scores else (),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, tables by column: a manifest has a number a line."""
        return {
            "precision": self.precision,
            "num_images": list(self.num_images),
            "num_right": list(self.num_right),
            "num_answered": list(self.num_answered),
            "confusions": to_columns(Confusion, self.confusions),
            "reliability": to_columns(Bin, self.reliability),
            "label_sets": to_columns(LabelSets, self.label_sets),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Evaluation:
        """Read the JSON form; ValueError where a field is missing, unknown or malformed."""
        counts, tables = ("num_images", "num_right", "num_answered"), ("confusions", "reliability", "label_sets")
        if values.keys() != {"precision", *counts, *tables} or not all(
            isinstance(values[name], list) for name in counts
        ):
            raise ValueError(
                f"evaluation must have precision, the lists {', '.join(counts)} and the tables "
                f"{', '.join(tables)}, got {sorted(values)}"
            )
        return cls(
            values["precision"],
            tuple(values["num_images"]),
            tuple(values["num_right"]),
            tuple(values["num_answered"]),
            from_columns(Confusion, values["confusions"], "evaluation.confusions"),
            from_columns(Bin, values["reliability"], "evaluation.reliability"),
            from_columns(LabelSets, values["label_sets"], "evaluation.label_sets"),
        )


def _check_confusions(confusions: tuple[Confusion, ...], classes: list[tuple[int, int]]) -> None:
    """Check pairs by the images of each class and those of them that are right."""
    if len(confusions) > MAX_CONFUSIONS:
        raise ValueError(f"evaluation.confusions must be at most {MAX_CONFUSIONS} pairs, got {len(confusions)}")
    wrong: dict[int, int] = {}
    for pair in confusions:
        for index in (
            count(pair.label, "evaluation.confusions.label"),
            count(pair.answer, "evaluation.confusions.answer"),
        ):
            if index >= len(classes):
                raise ValueError(f"evaluation.confusions names class {index}, but there are {len(classes)}")
        number = count(pair.num_images, "evaluation.confusions.num_images")
        if pair.label == pair.answer or not number:
            raise ValueError(
                f"evaluation.confusions must be images of one class answered as another, got {tuple(pair)}"
            )
        wrong[pair.label] = wrong.get(pair.label, 0) + number
    for index, number in wrong.items():
        images, right = classes[index]
        if number > images - right:
            raise ValueError(
                f"evaluation.confusions has {number} images of class {index}, of which {images - right} are wrong"
            )
    if len({pair[:2] for pair in confusions}) != len(confusions):
        raise ValueError("evaluation.confusions must name each pair of classes once")


def _label_sets(
    probabilities: npt.NDArray[np.float32], targets: npt.NDArray[np.int64], calibration: Calibration
) -> tuple[LabelSets, ...]:
    of_target, found = probabilities[np.arange(len(targets)), targets], []
    # The likeliest label is in the set whatever the threshold (`models.answers`).
    is_likeliest = probabilities.argmax(axis=1) == targets
    for coverage in COVERAGES:
        least = calibration.least_probability(coverage)
        has_right = (of_target >= least) | is_likeliest
        sizes = np.maximum(1, (probabilities >= least).sum(axis=1))
        found.append(LabelSets(coverage, int(has_right.sum()), round(float(sizes.mean()), 4)))
    return tuple(found)
