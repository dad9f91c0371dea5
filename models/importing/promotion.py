"""Decide if an imported version is served: only where it is not worse than the one that serves, on the same photos."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from models.errors import OpsinError
from models.importing.measured import Measured
from models.importing.photos import Photos
from models.measuring.promotion import Verdict, has_other_labels, judge, stable_to_compare
from models.quiet_stderr import quiet_stderr
from models.runtime import RuntimeName, load_runtime, runtime_of
from models.runtime.cores import available_cores
from models.runtime_choice.record import BASELINE
from models.store.artifact import Artifact
from models.store.repository import Repository


def compare_with_serving(
    measured: Measured, labels: Sequence[str], photos: Photos | None, repository: Repository, name: str
) -> Verdict:
    """Compare an imported file with the version of that name that is stable, on the photos that nothing was chosen by.

    Args:
        measured: the file.
        labels: in the order of its probabilities.
        photos: that its figures are of; None where it is not measured.
        repository: that has the stable version, or none.
        name: of the model.

    Raises:
        CorruptArtifact: routing.json is broken.
    """
    stable = stable_to_compare(repository, name)
    if isinstance(stable, Verdict):
        return stable
    version = stable.manifest.version
    if stable.manifest.labels != tuple(labels):
        return has_other_labels(name, version)
    if photos is None:
        reason = f"it was not measured, and version {version} is served: --photos DIR compares them"
        return Verdict(False, reason, version)
    try:
        was_right = _is_right(stable, photos)
    except OpsinError as error:
        return Verdict(False, f"version {version}, which is served, cannot be compared: {error}", version)
    return judge(measured.is_right_of_test, was_right, version, image="test photo")


def _is_right(artifact: Artifact, photos: Photos) -> list[bool]:
    """Tell of each photo whether a published version is right, on the CPU or any other device."""
    name: RuntimeName = (
        "tensorflow" if [*artifact.manifest.formats] == ["tensorflow"] else runtime_of(artifact, BASELINE)
    )
    with quiet_stderr():
        runtime = load_runtime(artifact, runtime=name, num_threads=available_cores())
    with closing(runtime):
        answers = photos.answers(runtime, artifact.manifest.pixels)
    found: list[bool] = (answers.argmax(axis=1) == photos.targets).tolist()
    return found
