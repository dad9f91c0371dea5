"""Publish a finished Keras model: export it, measure the exported file, plot its confusion, make the artifact."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import tf_keras as keras

from models.errors import ArtifactError
from models.measuring.metrics import Metrics, confusion_matrix
from models.network.architectures import Architecture
from models.network.export import export_float32
from models.portable.completed import completed
from models.store.artifact import Artifact
from models.store.repository import Repository
from training.cross_validation import CrossValidation
from training.dataset import Dataset, file_sha256
from training.manifest import MODEL_FILE, manifest_of
from training.measured import MeasuredFile, measure_file, predict_file
from training.plots import plot_confusion
from training.promotion import compare_with_serving
from training.run import Run, record_publication, save_model
from training.shown_photos import with_shown_photos
from training.side_by_side import Before, side_by_side

__all__ = ["MeasuredFile", "finish_float32", "measure_file", "predict_file", "publish"]

FLOAT32_FILE = "float32.tflite"


def finish_float32(model: keras.Model, run: Run, data: Dataset, *, workdir: Path) -> MeasuredFile:
    """Export the model of a run, measure the exported file, and keep the model last, as the sign of a finished run.

    Args:
        model: float32, from normalized pixels to logits.
        run: the run that made it.
        data: what it is measured on.
        workdir: the run's folder; takes model.keras, float32.tflite and confusion.png.
    """
    measured = export_and_measure(model, run, data, workdir=workdir)
    matrix = confusion_matrix(measured.answers.test, data.test.targets)
    plot_confusion(matrix, run.labels, workdir / "confusion.png")
    save_model(workdir, model)
    return measured


def export_and_measure(model: keras.Model, run: Run, data: Dataset, *, workdir: Path) -> MeasuredFile:
    """Export the float32 model of a run as it is now, and measure the file."""
    file = workdir / FLOAT32_FILE
    export_float32(model, file)
    return measure_file(file, run, data, precision="float32")


def publish(
    measured: MeasuredFile,
    run: Run,
    data: Dataset,
    *,
    workdir: Path,
    repository: Repository,
    name: str,
    architecture: Architecture | None = None,
    other_metrics: Mapping[str, Metrics] | None = None,
    provenance: Mapping[str, Any] | None = None,
    cross_validation: CrossValidation | None = None,
    max_accuracy_drop: float = 0.0,
    judged_runs: Collection[str] = (),
    before: Before | None = None,
) -> Artifact:
    """Publish a measured file, or return the version in which this run has published it before, and said as much of it.

    It becomes the stable version if it is not worse than that is (`training.promotion`), and not to be a candidate.

    Args:
        measured: the file to publish.
        run: the run that made it.
        data: what it was trained and measured on.
        workdir: the run's folder; takes metrics.json.
        repository: where to publish it.
        name: the model's name there.
        architecture: the network's, where it is not that of the run's configuration.
        other_metrics: figures of the files that it was made from, by a name each.
        provenance: JSON, added to the manifest's provenance of run and data.
        cross_validation: of what was fitted, on all images, where the test images are few.
        max_accuracy_drop: points of top-1 accuracy that it may lose against the stable version.
        judged_runs: ids of runs, beside `run`, whose float32 file it was judged against already.
        before: the version to compare it with on the photos of each source of `data`, where that was joined.
    """
    artifact = _version_with(repository, name, run, measured)
    on_all = {"cross_validation": cross_validation} if cross_validation else {}
    beside = {"side_by_side": side_by_side(measured.answers.test, data, before)} if data.sources else {}
    if artifact is None:
        answers = measured.answers.test
        verdict = compare_with_serving(
            answers, data, repository, name, max_accuracy_drop=max_accuracy_drop, judged_runs={run.run_id, *judged_runs}
        )
        if run.config.candidate:
            verdict = verdict.of_candidate()
        manifest = manifest_of(
            measured,
            run,
            data,
            name=name,
            architecture=architecture,
            other_metrics={**(other_metrics or {}), **on_all},
            provenance={**(provenance or {}), **beside, "compared_with_stable": verdict.to_dict()},
        )
        licence = run.config.show_photos_as
        with (
            completed(manifest, {MODEL_FILE: measured.file}) as own,
            with_shown_photos(manifest, own, data, file=measured.file, licence=licence) as (manifest, files),
        ):
            artifact = repository.publish(
                manifest, files, in_place_of=verdict.instead_of, becomes_stable=verdict.is_served
            )
    temperature = {"temperature": measured.calibration.temperature} if measured.calibration else {}
    figures = {**measured.to_dict(), **temperature, **{key: found.to_dict() for key, found in on_all.items()}}
    where = {"published": str(artifact.manifest.reference), "repository": str(repository.root.resolve())}
    record_publication(workdir, measured.precision, **where, **figures, **beside)
    return artifact


def _version_with(repository: Repository, name: str, run: Run, measured: MeasuredFile) -> Artifact | None:
    """Return the version that this run has published with the same bytes, if there is one."""
    sha256 = file_sha256(measured.file)
    for number in repository.versions(name) if name in repository.names() else ():
        try:
            artifact = repository.load(name, number, verify=False)
        except ArtifactError:  # an older version that is broken is no reason not to publish a new one
            continue
        manifest = artifact.manifest
        is_same_file = manifest.files.get(MODEL_FILE) == sha256 and manifest.provenance.get("run") == run.run_id
        # A version of before may say less of the file than is known now.
        says_as_much = all(
            getattr(manifest, field) or not getattr(measured, field) for field in ("expected_answers", "evaluation")
        )
        if is_same_file and says_as_much:
            return artifact
    return None
