"""A compressed model before it is published, and its way through the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.measuring.promotion import about_serving
from models.network.architectures import Architecture
from models.store.repository import Repository
from optimize.gate import AccuracyDropTooLarge, Limits, check_force, check_gain
from optimize.line import Line
from optimize.next_steps import next_steps
from optimize.published import Published
from optimize.source import Source
from training.publish import MeasuredFile, publish
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
        return Source(
            self.run, self.source.data, model, self.architecture, self.measured, parent, self.source.published_in
        )

    def publish(
        self,
        repository: Repository,
        *,
        name: str | None = None,
        limits: Limits = Limits(),  # noqa: B008 - it cannot change
        force: str | None = None,
    ) -> Published:
        """Publish it if it passes the gate.

        Args:
            repository: to publish in.
            name: of the model there; None for the source's.
            limits: what may be lost against the first model of its line.
            force: that name again, to publish whatever was lost or not gained.

        Raises:
            AccuracyDropTooLarge, NothingGained: nothing was published.
            ValueError: `force` is another name.
        """
        name = name or self.source.name
        before = self.source.dense
        check_force(force, name)
        line = Line(self.source, repository)
        verdict = line.judge(self.measured, limits)
        if force is None:
            otherwise = f"the same command with --force {name} publishes it all the same"
            if not verdict.is_within:
                raise AccuracyDropTooLarge(f"{verdict.reason}: not published; {otherwise}")
            check_gain(before.file, self.measured.file, otherwise=otherwise)
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
            provenance={**self.provenance, "line": line.to_dict(self.measured)},
            max_accuracy_drop=limits.max_accuracy_drop if force is None else 100,
            judged_runs={self.source.run.run_id},
        )
        notes = [note for note in (verdict.reason, line.note) if note]
        notes += [*self.measured.about_probabilities(), *about_serving(artifact, repository)]
        made_of, data = self.source.published, self.source.run.data
        then = [*next_steps(artifact.manifest, repository.root, made_of=made_of, data=data)]
        return Published(artifact, before, self.measured, notes, then)
