"""Decide if a new version is served: only where it is not worse than the one that serves, on the same test photos."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing

import numpy as np

from models.errors import OpsinError
from models.measuring.promotion import Verdict, has_other_labels, judge, stable_to_compare
from models.quiet_stderr import quiet_stderr
from models.runtime import load_runtime, runtime_of
from models.runtime.cores import available_cores
from models.runtime.tensors import Probabilities
from models.store.artifact import Artifact
from models.store.model_files import ModelFile
from models.store.repository import Repository
from training.dataset import Dataset, Split
from training.evaluate import BATCH_SIZE, predict

FLOAT32 = ModelFile("model.tflite", "float32")


def compare_with_serving(
    probabilities: Probabilities,
    data: Dataset,
    repository: Repository,
    name: str,
    *,
    max_accuracy_drop: float = 0.0,
    judged_runs: Collection[str] = (),
) -> Verdict:
    """Compare a new model with the version of that name that is stable, on the test images of the new one's data.

    It is never one with other labels, and never one that is right for fewer photos (`models.measuring.promotion`). The
    person is told all figures, and promotes it by a command.

    Args:
        probabilities: of the new model, float32 [N, C], for the test images.
        data: whose test images both are measured on.
        repository: that has the stable version, or none.
        name: of the model.
        max_accuracy_drop: points of top-1 accuracy that may be lost.
        judged_runs: ids of runs whose float32 file the new model was judged against already: an earlier state of the
            same training, by validation images, or what it was compressed from, by the gate.

    Raises:
        CorruptArtifact: routing.json is broken.
    """
    stable = stable_to_compare(repository, name)
    if isinstance(stable, Verdict):
        return stable
    version = stable.manifest.version
    if stable.manifest.provenance.get("run") in judged_runs and FLOAT32 in stable.manifest.formats.values():
        return Verdict(True, f"it was judged against version {version}, which was served", version)
    if stable.manifest.labels != data.labels:
        return has_other_labels(name, version)
    try:
        is_right, was_right = (
            answers.argmax(axis=1) == data.test.targets for answers in (probabilities, answers_of(stable, data.test))
        )
    except OpsinError as error:
        return Verdict(False, f"version {version}, which is served, cannot be compared: {error}", version)
    return judge(is_right, was_right, version, max_accuracy_drop=max_accuracy_drop)


def answers_of(artifact: Artifact, images: Split) -> Probabilities:
    """Probabilities, float32 [N, C], of images by a published version, on the CPU or any other device."""
    with quiet_stderr():
        runtime = load_runtime(
            artifact,
            runtime="tensorflow" if [*artifact.manifest.formats] == ["tensorflow"] else runtime_of(artifact, "litert"),
            num_threads=available_cores(),
            batch_sizes=(BATCH_SIZE,),
        )
    with closing(runtime):
        return np.asarray(predict(runtime, images, artifact.manifest.pixels))
