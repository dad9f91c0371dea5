"""Finds the first dense float32 model of a line of compressions: what the gate compares each of its models with.

Three steps that lose half a point each lose a point and a half. So a run that compresses records the first model of its
line in run.json; runs from before are followed back through the manifests of their parents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import OpsinError
from models.runtime.tensors import Probabilities
from models.store.manifest import Manifest
from models.store.reference import ModelReference
from models.store.repository import Repository
from optimize.changes import Changes, Likeness, compare, likeness, unpaired
from optimize.gate import Limits, Verdict, judge
from optimize.source import FirstModel, Source, is_compression
from training.dataset import Dataset, Split
from training.measured import MeasuredFile, predict_file
from training.publish import FLOAT32_FILE
from training.run import read_run

MAX_TRAINING_IMAGES = 2000  # that likeness is measured on: of more, agreement is known no better than within 0.2 points


class Line:
    """The first model of a source's line, with which what is made of the source is compared.

    Attributes:
        first: the first model.
        file: its float32 file; None where that is gone, and figures alone are compared.
        note: what else a user should know of the comparison; "" for nothing.
    """

    def __init__(self, source: Source, repository: Repository) -> None:
        """Find the first model: recorded in run.json, or in the manifests of `repository`."""
        self._source = source
        known = source.first or _followed_back(source, repository)
        self.first = known or FirstModel.of(source)
        self.file = _file_of(self.first, source, repository)
        self.note = ""
        if not known:
            self.note = f"the first model of its line is not known: compared with {self.first.published} alone"
        elif not self.file:
            self.note = f"the float32 file of {self.first.published} is gone: compared with its figures alone"

    def judge(self, measured: MeasuredFile, limits: Limits) -> Verdict:
        """Say whether a file made of the source loses no more than the limits against the first model."""
        run, data = self._source.run, self._source.data

        def likenesses() -> tuple[Likeness, Likeness]:
            training = predict_file(measured.file, run, some_training_images(data))
            return both_likenesses((self._validation, self._training), (measured.answers.validation, training))

        changes = self.changes(measured)
        return judge(changes, likenesses, limits, labels=run.labels, against=self.first.published)

    def changes(self, measured: MeasuredFile) -> Changes:
        """Count what a file changes on the validation images."""
        if not self.file:
            return unpaired(self.first.top1, measured.validation.top1, num_images=measured.validation.num_images)
        return compare(self._validation, measured.answers.validation, self._source.data.validation.targets)

    def to_dict(self, measured: MeasuredFile) -> dict[str, Any]:
        """Return the JSON form, for a manifest: the first model, and how a file of the line differs from it."""
        changes = self.changes(measured)
        return {
            **{name: value for name, value in asdict(self.first).items() if name != "workdir"},
            "top1_points": round(changes.top1_points, 4),
            "top1_points_interval": changes.interval_points.to_list(),
            "num_images": changes.num_images,
        }

    @cached_property
    def _validation(self) -> Probabilities:
        dense = self._source.dense
        if self.file in (None, dense.file):
            return dense.answers.validation
        return predict_file(self.file, self._source.run, self._source.data.validation)

    @cached_property
    def _training(self) -> Probabilities:
        images = some_training_images(self._source.data)
        return predict_file(self.file or self._source.dense.file, self._source.run, images)


def some_training_images(data: Dataset) -> Split:
    """Return the training images that likeness is measured on: all, or 2,000 drawn ones."""
    drawn = np.random.default_rng(0).permutation(len(data.train))[:MAX_TRAINING_IMAGES]
    return data.train.subset(np.sort(drawn))


def both_likenesses(before: Sequence[Probabilities], after: Sequence[Probabilities]) -> tuple[Likeness, Likeness]:
    """Compare the answers of two models to validation and to training images: of the former, and of all."""
    return likeness(before[0], after[0]), likeness(np.concatenate(before), np.concatenate(after))


def _file_of(first: FirstModel, source: Source, repository: Repository) -> Path | None:
    """Return the float32 file of a first model: in its run's folder, or else in its artifact."""
    if first.run == source.run.run_id:
        return source.dense.file
    file = Path(first.workdir) / FLOAT32_FILE
    if first.workdir and file.exists() and read_run(file.parent).run_id == first.run:
        return file
    reference = ModelReference.parse(first.published)
    try:
        artifact = repository.load(reference.name, reference.version)
    except OpsinError:
        return None
    is_it = artifact.manifest.provenance.get("run") == first.run and _is_float32(artifact.manifest)
    return artifact.model_path("litert") if is_it else None


def _followed_back(source: Source, repository: Repository) -> FirstModel | None:
    """Find the first model by the manifests of the parents, each of which names its own."""
    reference = source.run.parent
    seen: set[str] = set()
    while reference and reference not in seen:
        seen.add(reference)
        wanted = ModelReference.parse(reference)
        try:
            manifest = repository.load(wanted.name, wanted.version, verify=False).manifest
        except OpsinError:
            return None
        if line := manifest.provenance.get("line"):
            return FirstModel.from_dict(line)
        if not is_compression(manifest.provenance.get("compression")) and _is_float32(manifest):
            figures = manifest.metrics["float32"]
            top1 = figures.get("validation", figures)["top1"]
            return FirstModel(reference, str(manifest.provenance.get("run")), top1)
        reference = manifest.provenance.get("parent")
    return None


def _is_float32(manifest: Manifest) -> bool:
    return "litert" in manifest.formats and manifest.formats["litert"].precision == "float32"
