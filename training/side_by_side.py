"""Measures a new version and the one before it on old and on new test photos, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import OpsinError
from models.measuring.intervals import Interval, in_points, in_words, paired, what_they_tell, wilson
from models.measuring.promotion import Verdict, stable_to_compare
from models.runtime.tensors import Probabilities
from models.store.artifact import Artifact
from models.store.repository import Repository
from training.dataset import Dataset
from training.promotion import answers_of


@dataclass(frozen=True, slots=True)
class Before:
    """A version that was there before.

    Attributes:
        reference: "name:version" of it.
        is_right: of each test photo of the joined data, whether it is.
    """

    reference: str
    is_right: NDArray[np.bool_]


def version_before(begun_from: Artifact | None, data: Dataset, repository: Repository, name: str) -> Before | None:
    """Ask the version that a training begins from, else the one that serves; None where none can be asked.

    Args:
        begun_from: the version, where it is one.
        data: whose test photos are asked about; a class that the version does not know it is never right of.
        repository: that has the one that serves.
        name: of that.
    """
    artifact = begun_from or stable_to_compare(repository, name)
    if isinstance(artifact, Verdict):
        return None
    try:
        answers = answers_of(artifact, data.test)
    except OpsinError:
        return None
    said, true = np.array(artifact.manifest.labels, object), np.array(data.labels, object)
    is_right = said[answers.argmax(axis=1)] == true[data.test.targets]
    return Before(str(artifact.manifest.reference), is_right.astype(np.bool_))


def side_by_side(answers: Probabilities, data: Dataset, before: Before | None) -> list[dict[str, Any]]:
    """Count right answers to the test photos of each source; returns JSON, for the manifest and `metrics.json`.

    Args:
        answers: of the new version, float32 [N, C], to the test photos.
        data: joined of sources.
        before: the version to compare with.
    """
    is_right = answers.argmax(axis=1) == data.test.targets
    found, begin = [], 0
    for source in data.sources:
        part = slice(begin, begin := begin + source.num_test)
        figures = {"photos": source.age, "name": source.name, **_figures(is_right[part])}
        if before:
            was, now = before.is_right[part], is_right[part]
            lost, won = int((was & ~now).sum()), int((now & ~was).sum())
            changes = {"num_lost": lost, "num_won": won, "interval": paired(lost, won, len(now)).to_list()}
            figures["before"] = {"version": before.reference, **_figures(was)}
            figures["change"] = changes
        found.append(figures)
    return found


def _figures(is_right: NDArray[np.bool_]) -> dict[str, Any]:
    num_right, num_images = int(is_right.sum()), len(is_right)
    return {"num_images": num_images, "num_right": num_right, "interval": wilson(num_right, num_images).to_list()}


def lines_of(found: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield a line on the photos of each source."""
    for figures in found:
        num_images, before = figures["num_images"], figures.get("before")
        line = f"{figures['photos']} photos ({figures['name']}): "
        line += in_words(figures["num_right"], num_images, "test photo") + (" right" if num_images else "")
        if num_images and before:
            lost, won = figures["change"]["num_lost"], figures["change"]["num_won"]
            right = f"{100 * before['num_right'] / num_images:.1f} % ({Interval(*before['interval']).in_percent()})"
            line += (
                f", and {right} by {before['version']}: {in_points(lost, won, num_images)}; "
                f"{what_they_tell(lost, won, num_images)}"
            )
        yield line
