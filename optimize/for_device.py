"""Adds the file that a device needs to a model: makes it from the finished run, and publishes a version with both.

A published version never changes: servers hold it in memory, its manifest carries the sha256 of every file, and readers
verify it once. So the file is not put beside the others; the version is published once more, with it, under the next
number, and its provenance says what was added, to which version, and from which run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

from models.measuring.calibrate import fit_temperature, with_temperature
from models.network.export import export_saved_model
from models.network.saturation import saturates
from models.portable.completed import completed
from models.runtime.tensors import Probabilities
from models.store.artifact import Artifact
from models.store.durable import TEMPORARY_PREFIX
from models.store.manifest import Manifest
from models.store.model_files import Device, format_for
from models.store.repository import Repository
from optimize.agreement import Agreement, compare_predictions, predict_saved_model
from optimize.changes import Likeness, compare
from optimize.gate import AccuracyDropTooLarge, Limits, Verdict, judge
from optimize.line import both_likenesses, some_training_images
from optimize.next_steps import on_device
from optimize.quantization.post_training import quantize
from optimize.source import Source, open_source
from optimize.tasks import Export
from training.dataset import Split
from training.in_use import alone_in
from training.manifest import PACKAGES
from training.measured import Answers, MeasuredFile, measured, predict_file
from training.run import Run, RunError, read_run


@dataclass(frozen=True, slots=True)
class Added:
    """The version that has both files, the device that it got one for, and how well their predictions agree."""

    artifact: Artifact
    device: Device
    agreement: Agreement
    is_stable: bool

    def __str__(self) -> str:
        manifest = self.artifact.manifest
        files = " and ".join(f"{name} ({file.precision})" for name, file in manifest.formats.items())
        place = "stable" if self.is_stable else "not stable, as the version that it was made of"
        result = f"published {manifest.name} version {manifest.version} with {files}, {place}: {self.agreement}"
        return "\n".join([result, *on_device(self.device, self.artifact.path.parent.parent)])

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: where the new version is, and how well its files agree."""
        manifest = self.artifact.manifest
        return {
            "name": manifest.name,
            "version": manifest.version,
            "path": str(self.artifact.path),
            "is_stable": self.is_stable,
            "label_agreement": round(self.agreement.labels, 6),
        }


def add_file(
    artifact: Artifact,
    device: Device,
    workdir: Path,
    *,
    repository: Repository,
    data_path: Path | None = None,
    max_accuracy_drop: float = Export.max_accuracy_drop,
    command: str = "",
    say: Callable[[str], None] = print,
) -> Added:
    """Publish `artifact` once more with the file that a device needs; the new version is stable if that one was.

    Args:
        artifact: that lacks the file; verified.
        device: "cpu" for an int8 LiteRT file, "gpu" for a float16 SavedModel.
        workdir: of the run that made the artifact.
        repository: that the artifact is in.
        data_path: of the run's data, where that has moved since.
        max_accuracy_drop: points of top-1 accuracy that the new file may be worse than the one that is there.
        command: as typed, for the manifest.
        say: called with a line on each stage.

    Raises:
        ValueError: the artifact has that file already.
        RunError: the run did not make the artifact, or is not finished.
        AccuracyDropTooLarge: nothing was published.
    """
    manifest = artifact.manifest
    _check(manifest, device, workdir)
    with alone_in(workdir), tempfile.TemporaryDirectory(dir=workdir, prefix=TEMPORARY_PREFIX) as folder:
        source = open_source(workdir, data_path, say=say)
        if device == "cpu":
            new, details = _int8_file(source, workdir, command=command, say=say)
        else:
            say("making the float16 SavedModel for GPUs, and measuring it")
            new, details = measured_saved_model(source, Path(folder)), {}
        [existing] = manifest.formats
        say("comparing it with the file that is there")
        predict = predict_file if existing == "litert" else _predict_saved_model
        before = partial(predict, artifact.model_path(existing), source.run)
        verdict = _verdict(before, new, source, Limits(max_accuracy_drop), against=str(manifest.reference))
        if not verdict.is_within:
            raise AccuracyDropTooLarge(f"{verdict.reason}: not published, which a larger --max-accuracy-drop does")
        agreement = compare_predictions(before(source.data.test), new.answers.test, source.data.test.targets)
        both = _with_file(manifest, device, new, agreement, {"run": source.run.run_id, "command": command, **details})
        files = {path: artifact.path / path for path in manifest.files} | {format_for(device).exported.file: new.file}
        with completed(both, files) as complete:
            published = repository.publish(both, complete, in_place_of=manifest.version)
        is_stable = repository.stable_version(manifest.name) == published.manifest.version
        return Added(published, device, agreement, is_stable)


def _verdict(
    before: Callable[[Split], Probabilities], new: MeasuredFile, source: Source, limits: Limits, *, against: str
) -> Verdict:
    """Compare a new file's answers to the validation images with those of the file that is there."""
    data = source.data
    validation, predict = before(data.validation), predict_file if new.file.is_file() else _predict_saved_model

    def likenesses() -> tuple[Likeness, Likeness]:
        some = some_training_images(data)
        return both_likenesses(
            (validation, before(some)), (new.answers.validation, predict(new.file, source.run, some))
        )

    changes = compare(validation, new.answers.validation, data.validation.targets)
    return judge(changes, likenesses, limits, labels=source.run.labels, against=against)


def _check(manifest: Manifest, device: Device, workdir: Path) -> None:
    if format_for(device).name in manifest.formats:
        precision = manifest.formats[format_for(device).name].precision
        raise ValueError(f"{manifest.name}:{manifest.version} has a file for the {device} already, {precision}")
    if "imported" in manifest.provenance:
        raise RunError(
            f"{manifest.name}:{manifest.version} was imported, and only a network that was trained here can be "
            "exported for another device: import its own file for that"
        )
    made_by, run_id = manifest.provenance.get("run"), read_run(workdir).run_id
    if made_by != run_id:
        raise RunError(
            f"{manifest.name}:{manifest.version} was made by the run {made_by}, but {workdir} holds the run {run_id}: "
            "give the --workdir of the run that made it"
        )


def _int8_file(
    source: Source, workdir: Path, *, command: str, say: Callable[[str], None]
) -> tuple[MeasuredFile, dict[str, Any]]:
    """Make the file for the CPU; returns the manifest's entries on how it was made, too."""
    candidate = quantize(source, workdir, command=command, say=say)
    details = {name: value for name, value in candidate.provenance.items() if name not in ("command", "parent")}
    return candidate.measured, details


def measured_saved_model(source: Source, folder: Path) -> MeasuredFile:
    """Export the file for the GPU with the temperature that it needs, which it is exported without at first."""
    exported, run, data = format_for("gpu").exported, source.run, source.data
    file, temperature, validation = folder / exported.file, 1.0, None
    if data.has_validation:
        plain = folder / "plain"
        export_saved_model(source.model, plain, "float16")
        validation = _predict_saved_model(plain, run, data.validation)
        temperature = fit_temperature(validation, data.validation.targets)
        validation = with_temperature(validation, temperature)
    export_saved_model(source.model, file, "float16", temperature=temperature)
    test = _predict_saved_model(file, run, data.test)
    answers = Answers(test if validation is None else validation, test)
    return measured(file, data, answers, precision=exported.precision, temperature=temperature)


def _predict_saved_model(path: Path, run: Run, split: Split) -> Probabilities:
    return predict_saved_model(path, split, run.config.pixels, num_classes=len(run.labels))


def _with_file(
    manifest: Manifest, device: Device, new: MeasuredFile, agreement: Agreement, details: dict[str, Any]
) -> Manifest:
    exported = format_for(device).exported
    if device == "cpu":
        exported = replace(exported, saturates=saturates(new.file.read_bytes()))
    record = {
        "for": device,
        **exported.to_dict(),
        "to": str(manifest.reference),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "packages": {package: package_version(package) for package in PACKAGES},
        "label_agreement": round(agreement.labels, 6),
        **({"temperature": new.calibration.temperature} if new.calibration else {}),
        **details,
    }
    return replace(
        manifest,
        formats={**manifest.formats, format_for(device).name: exported},
        metrics={**manifest.metrics, exported.precision: new.to_dict()},
        expected_answers=manifest.expected_answers or new.expected_answers,
        evaluation=manifest.evaluation or new.evaluation,
        operating_curve=manifest.operating_curve or new.operating_curve,
        provenance={**manifest.provenance, "added": [*manifest.provenance.get("added", []), record]},
    )
