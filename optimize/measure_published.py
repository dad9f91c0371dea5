"""`python -m optimize.measure_published pets:2 ...`: give a published version the figures that its card shows.

Its file stays as it is. What it answers to the test and validation images that it was published with is counted by
class, and the next version has the same files and these counts in its manifest.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.store.artifact import Artifact
from models.store.manifest import Manifest
from models.store.repository import Repository
from optimize.again import publish_again, with_record

PROGRAM = "python -m optimize.measure_published"
EXAMPLES = """
example:
  python -m optimize.measure_published pets:2 --data photos.zip
      publishes the next version, whose card tells of each class
"""
MAX_DIFFERENCE = 0.005  # of the accuracy that was published: another processor may round otherwise


def measure_published(
    artifact: Artifact,
    data_path: Path,
    *,
    repository: Repository,
    command: str = "",
    say: Callable[[str], None] = print,
) -> Artifact:
    """Publish a version once more, with its answers counted.

    Args:
        artifact: verified, with a LiteRT file, of a training of ours or of `optimize.imagenet`.
        data_path: the data that it was measured on.
        repository: that the artifact is in.
        command: as typed, for the manifest.
        say: called with a line on each stage.

    Raises:
        FormatMissing: it has no LiteRT file.
        RunError: the data is other data, the manifest does not tell how it was made, or its accuracy is another.
    """
    from models.portable.completed import completed
    from models.store.evaluation import Evaluation
    from models.store.operating_curve import OperatingCurve
    from training.measured import predict_litert
    from training.run import RunError

    manifest, file = artifact.manifest, artifact.model_path("litert")
    precision, num_classes = manifest.formats["litert"].precision, len(manifest.labels)
    data = _data_of(manifest, data_path)
    say(f"counting what {manifest.reference} answers to {len(data.test):,} test images")
    test = predict_litert(file, data.test, manifest.pixels, num_classes=num_classes)
    evaluation = Evaluation.of(test, data.test.targets, precision=precision, calibration=manifest.calibration)
    published, found = manifest.metrics[precision]["top1"], sum(evaluation.num_right) / len(data.test)
    if abs(published - found) > MAX_DIFFERENCE:
        raise RunError(
            f"{manifest.reference} was published with {published:.2%} of its test images right, and has {found:.2%}: "
            "these are other images, or it was changed"
        )
    curve = None
    if manifest.expected_answers:  # else its validation images are nothing to choose by
        validation = predict_litert(file, data.validation, manifest.pixels, num_classes=num_classes)
        curve = OperatingCurve.of(validation, data.validation.targets)
    again = replace(
        manifest,
        evaluation=evaluation,
        operating_curve=curve,
        provenance=with_record(manifest, "measured", command),
    )
    with completed(again, {path: artifact.path / path for path in manifest.files}) as files:
        return repository.publish(again, files, in_place_of=manifest.version)


def _data_of(manifest: Manifest, path: Path) -> Any:
    """Open the data that a version was measured on; RunError where it is other data."""
    from optimize.imagenet import read_photos
    from training.restored import run_of
    from training.run import RunError
    from training.run_data import load_same_data

    if "weights" not in manifest.provenance:  # as that of `optimize.imagenet` has
        return load_same_data(path, run_of(manifest, path, ""), manifest.reference)
    data = read_photos(path)
    if data.sha256 != manifest.provenance["dataset"]["sha256"]:
        raise RunError(f"{data.name} is not the data that {manifest.reference} was measured on: its sha256 differs")
    return data


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return publish_again(
        PROGRAM,
        "Give a published version the figures that its card shows.",
        EXAMPLES,
        data_help="the data that it was measured on",
        publish=_publish,
        arguments=arguments,
    )


def _publish(artifact: Artifact, data: Path, repository: Repository, command: str) -> str:
    published = measure_published(artifact, data, repository=repository, command=command).manifest
    return f"published {published.reference}, whose card tells of each of {len(published.labels):,} classes"


if __name__ == "__main__":
    sys.exit(main())
