"""A compressed model before it is published, and its way through the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.network.architectures import Architecture
from models.store.repository import Repository
from optimize.gate import check_accuracy, check_force, check_gain
from optimize.published import Published
from optimize.source import Source
from optimize.tasks import Task
from training.publish import MeasuredFile, about_serving, publish
from training.run import Run, load_model, published


@dataclass(frozen=True, slots=True)
class Candidate:
    """A compressed model that may be published.

    Attributes:
        source: the finished run that it was made from.
        run: that made it; the source's own if nothing was trained.
        workdir: of that run.
        measured: the file.
        architecture: of the network in it.
        provenance: JSON, the manifest's entries beside those of run and data.
    """

    source: Source
    run: Run
    workdir: Path
    measured: MeasuredFile
    architecture: Architecture
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def as_source(self) -> Source:
        """Return its run as a source for a further compression; that run must have trained a model of its own."""
        parent = published(self.workdir, self.measured.precision)
        model = load_model(self.workdir)
        return Source(self.run, self.source.data, model, self.architecture, self.measured, published=parent)

    def publish(
        self,
        repository: Repository,
        *,
        name: str | None = None,
        max_accuracy_drop: float = Task.max_accuracy_drop,
        force: str | None = None,
    ) -> Published:
        """Publish it if it passes the gate.

        Args:
            repository: to publish in.
            name: of the model there; None for the source's.
            max_accuracy_drop: points of top-1 accuracy that may be lost against the source.
            force: that name again, to publish whatever was lost or not gained.

        Raises:
            AccuracyDropTooLarge, NothingGained: nothing was published.
            ValueError: `force` is another name.
        """
        name = name or self.source.name
        before = self.source.dense
        check_force(force, name)
        if force is None:
            check_accuracy(before.metrics, self.measured.metrics, max_accuracy_drop=max_accuracy_drop)
            check_gain(before.file, self.measured.file)
        label = "dense_float32" if self.measured.precision == before.precision else before.precision
        artifact = publish(
            self.measured,
            self.run,
            self.source.data,
            workdir=self.workdir,
            repository=repository,
            name=name,
            architecture=self.architecture,
            other_metrics={label: before.metrics},
            provenance=self.provenance,
            max_accuracy_drop=max_accuracy_drop if force is None else 100,
        )
        notes = (*self.measured.about_probabilities(), *about_serving(artifact, repository))
        return Published(artifact, before, self.measured, notes)
