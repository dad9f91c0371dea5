"""`python -m optimize.requantize flowers:3 ...`: keep a published int8 model from saturating where its run is gone.

Its weights are rounded once more, which takes nothing but the file, and what the manifest says of it is measured anew.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.store.artifact import Artifact
from models.store.repository import Repository
from optimize.again import publish_again

if TYPE_CHECKING:
    from models.measuring.metrics import Metrics
    from models.store.manifest import Manifest

PROGRAM = "python -m optimize.requantize"
EXAMPLES = """
example:
  python -m optimize.requantize flowers:3 --repository models/zoo --data flowers.zip
      publishes the next version, whose products do not saturate on processors without VNNI
"""


def requantize(
    artifact: Artifact,
    data_path: Path,
    *,
    repository: Repository,
    command: str = "",
    say: Callable[[str], None] = print,
) -> Artifact:
    """Publish a version once more, with int8 weights by which no products saturate.

    Args:
        artifact: verified, of a training of ours.
        data_path: the data that it was trained on.
        repository: that the artifact is in.
        command: as typed, for the manifest.
        say: called with a line on each stage.

    Raises:
        ValueError: its LiteRT file is not int8, or no products of it saturate.
        RunError: the data is other data, or the manifest does not tell how it was trained.
        AccuracyDropTooLarge: it would cost too much; nothing was published.
    """
    from models.network.saturation import saturates
    from models.network.tflite_graph import with_temperature
    from models.portable.completed import completed
    from models.store.manifest import ModelFile
    from optimize.gate import AccuracyDropTooLarge
    from optimize.quantization.calibration import calibration_images
    from optimize.quantization.saturation import keep_from_saturating
    from optimize.settings import Quantization
    from training.data import load_dataset
    from training.measured import measure_file, predict_file
    from training.restored import run_of
    from training.run import RunError

    manifest = artifact.manifest
    reference, content = str(manifest.reference), artifact.model_path("litert").read_bytes()
    if manifest.formats["litert"].precision != "int8" or not saturates(content):
        raise ValueError(f"no products of {reference} saturate: there is nothing to do")
    made_by = run_of(manifest, data_path, command)
    config = made_by.config
    data = load_dataset(data_path, config.held_out, config.reading)
    if data.sha256 != made_by.data_sha256:
        raise RunError(f"{data.name} is not the data that {reference} was trained on: its sha256 differs")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        file.write_bytes(with_temperature(content, 1))
        say("rounding its weights once more, and comparing answers")
        verdict = keep_from_saturating(
            file,
            partial(predict_file, run=made_by, split=data.validation),
            data.validation.targets,
            other_images=calibration_images(Quantization(), data.train, config.pixels, seed=config.seed),
        )
        if not verdict.is_within:
            raise AccuracyDropTooLarge(f"{verdict.reason}: not published")
        say(f"{verdict.reason}\nmeasuring it")
        measured = measure_file(file, made_by, data, precision="int8")
        again = replace(
            manifest,
            formats={**manifest.formats, "litert": ModelFile("model.tflite", "int8", saturates=False)},
            metrics={**manifest.metrics, "int8": measured.to_dict()},
            calibration=measured.calibration,
            expected_answers=measured.expected_answers,
            evaluation=measured.evaluation,
            operating_curve=measured.operating_curve,
            provenance=provenance_after(manifest, verdict.reason, measured.validation, command),
        )
        files = {path: artifact.path / path for path in manifest.files} | {"model.tflite": file}
        with completed(again, files) as complete:
            return repository.publish(again, complete, in_place_of=manifest.version)


def provenance_after(manifest: Manifest, reason: str, validation: Metrics, command: str) -> dict[str, Any]:
    """Tell how a version came to be, and that its weights were rounded once more: why, when, and by which packages.

    Args:
        manifest: of the version before.
        reason: why the new weights are kept.
        validation: figures of the file with the new weights.
        command: as typed.
    """
    from optimize.changes import unpaired
    from training.manifest import PACKAGES

    provenance = {**manifest.provenance, "saturation": {"is_avoided": True, "reason": reason}}
    if line := provenance.get("line"):  # of the float32 file, figures alone are there
        changes = unpaired(line["top1"], validation.top1, num_images=validation.num_images)
        points = {"top1_points": round(changes.top1_points, 4)}
        provenance["line"] = {**line, **points, "top1_points_interval": changes.interval_points.to_list()}
    made = {
        "of": str(manifest.reference),
        "command": command,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "packages": {package: version(package) for package in PACKAGES},
    }
    return {**provenance, "requantized": [*provenance.get("requantized", []), made]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return publish_again(
        PROGRAM,
        "Keep a published int8 model from saturating where its run is gone.",
        EXAMPLES,
        data_help="the data that it was trained on",
        publish=_publish,
        arguments=arguments,
    )


def _publish(artifact: Artifact, data: Path, repository: Repository, command: str) -> str:
    published = requantize(artifact, data, repository=repository, command=command).manifest
    figures = published.metrics["int8"]
    return f"published {published.reference}: {figures['top1']:.2%} of {figures['num_images']:,} test images right"


if __name__ == "__main__":
    sys.exit(main())
