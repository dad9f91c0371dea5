"""`python -m optimize.requantize flowers:3 ...`: keep a published int8 model from saturating where its run is gone.

Its weights are rounded once more, which takes nothing but the file, and what the manifest says of it is measured anew.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.store.artifact import Artifact
from models.store.repository import Repository
from optimize.again import publish_again, with_record

if TYPE_CHECKING:
    from models.measuring.metrics import Metrics
    from models.store.manifest import Manifest
    from training.dataset import Dataset
    from training.run import Run

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
    from training.measured import measure_file
    from training.restored import run_of
    from training.run_data import load_same_data

    manifest, content = artifact.manifest, artifact.model_path("litert").read_bytes()
    if manifest.formats["litert"].precision != "int8" or not saturates(content):
        raise ValueError(f"no products of {manifest.reference} saturate: there is nothing to do")
    made_by = run_of(manifest, data_path, command)
    data = load_same_data(data_path, made_by, manifest.reference)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        file.write_bytes(with_temperature(content, 1))
        say("rounding its weights once more, and comparing answers")
        reason = rounded_again(file, made_by, data)
        say(f"{reason}\nmeasuring it")
        measured = measure_file(file, made_by, data, precision="int8")
        again = replace(
            manifest,
            formats={**manifest.formats, "litert": ModelFile("model.tflite", "int8", saturates=False)},
            metrics={**manifest.metrics, "int8": measured.to_dict()},
            calibration=measured.calibration,
            expected_answers=measured.expected_answers,
            evaluation=measured.evaluation,
            operating_curve=measured.operating_curve,
            provenance=provenance_after(manifest, reason, measured.validation, command),
        )
        files = {path: artifact.path / path for path in manifest.files} | {"model.tflite": file}
        with completed(again, files) as complete:
            return repository.publish(again, complete, in_place_of=manifest.version)


def rounded_again(file: Path, made_by: Run, data: Dataset) -> str:
    """Round the weights of an int8 file so that no products saturate; returns why that may be published.

    Raises:
        AccuracyDropTooLarge: it would cost too much on the validation images.
    """
    from optimize.gate import AccuracyDropTooLarge
    from optimize.quantization.calibration import calibration_images
    from optimize.quantization.saturation import keep_from_saturating
    from optimize.settings import Quantization
    from training.measured import predict_file

    config = made_by.config
    verdict = keep_from_saturating(
        file,
        partial(predict_file, run=made_by, split=data.validation),
        data.validation.targets,
        other_images=calibration_images(Quantization(), data.train, config.pixels, seed=config.seed),
    )
    if not verdict.is_within:
        raise AccuracyDropTooLarge(f"{verdict.reason}: not published")
    return verdict.reason


def provenance_after(manifest: Manifest, reason: str, validation: Metrics, command: str) -> dict[str, Any]:
    """Tell how a version came to be, and that its weights were rounded once more: why, when, and with what.

    Args:
        manifest: of the version before.
        reason: why the new weights are kept.
        validation: figures of the file with the new weights.
        command: as typed.
    """
    from optimize.changes import unpaired

    provenance = {**with_record(manifest, "requantized", command), "saturation": {"is_avoided": True, "reason": reason}}
    if line := provenance.get("line"):  # of the float32 file, figures alone are there
        changes = unpaired(line["top1"], validation.top1, num_images=validation.num_images)
        points = {"top1_points": round(changes.top1_points, 4)}
        provenance["line"] = {**line, **points, "top1_points_interval": changes.interval_points.to_list()}
    return provenance


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
