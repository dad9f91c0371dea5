"""The run behind a published model, made again from the artifact alone: its weights, and what its manifest tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from models.network.resnet_v2 import ResNetV2, build
from models.store.artifact import Artifact
from models.store.manifest import Manifest
from training.config import TrainingConfig
from training.data import load_dataset
from training.publish import MeasuredFile, finish_float32
from training.run import Run, RunError, open_run, read_run


def restore(artifact: Artifact, data_path: Path, workdir: Path, *, command: str = "") -> MeasuredFile:
    """Make the folder of a finished run: its record, model.keras and the float32 file, measured again.

    One that was interrupted, or is finished, may be repeated.

    Args:
        artifact: verified, with a SavedModel. Weights that it has in float16 become float32, as rounded as they are.
        data_path: the data that it was trained on.
        workdir: the folder to make.
        command: as typed, for the manifests of what is made from it.

    Returns:
        The float32 file, measured on the test images.

    Raises:
        FormatMissing: the artifact has no SavedModel.
        RunError: `workdir` holds another run, the data is other data, or the artifact is not of a training of ours.
        DatasetError: the data cannot be used.
    """
    who = str(artifact.manifest.reference)
    run = _run(artifact.manifest, who, data_path, command)
    _check_is_free(workdir, run)
    model = _model(artifact, who)
    data = load_dataset(data_path, test_fraction=run.config.test_fraction, seed=run.config.seed)
    if data.sha256 != run.data_sha256:
        raise RunError(f"{data.name} is not the data that {who} was trained on: its sha256 differs")
    run = open_run(workdir, run)
    return finish_float32(model, run, data, workdir=workdir)


def _run(manifest: Manifest, who: str, data_path: Path, command: str) -> Run:
    """The record: that of the run itself, which this command follows."""
    try:
        told: Any = manifest.provenance
        return Run(
            run_id=told["run"],
            command=command,
            config=TrainingConfig.from_dict(told["config"]),
            data=str(data_path),
            data_name=told["dataset"]["name"],
            data_sha256=told["dataset"]["sha256"],
            labels=manifest.labels,
            parent=who,
            ancestry=tuple(told["training_commands"]),
            compression=told["compression"],
        )
    except (KeyError, TypeError) as error:
        raise RunError(f"the manifest of {who} does not tell how it was trained ({error})") from error


def _check_is_free(workdir: Path, wanted: Run) -> None:
    """RunError if there is a run in `workdir`, be it the one that the artifact comes from, unless it is `wanted`."""
    if not (workdir / "run.json").exists():
        return
    found = read_run(workdir)
    if (found.run_id, found.parent) != (wanted.run_id, wanted.parent):
        raise RunError(f"{workdir} holds a run already: use another --workdir")


def _model(artifact: Artifact, who: str) -> keras.Model:
    """Float32, from normalized pixels to logits."""
    folder = artifact.model_path("tensorflow")
    try:
        model = build(ResNetV2.from_dict(artifact.manifest.architecture))
        # The variables alone are read: nothing that the SavedModel could run.
        checkpoint = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
        names = [f"owned/{index}/.ATTRIBUTES/VARIABLE_VALUE" for index in range(len(model.weights))]
        model.set_weights([checkpoint.get_tensor(name).astype(np.float32) for name in names])
    except (ValueError, tf.errors.OpError) as error:
        raise RunError(f"the SavedModel of {who} is not one that `python -m models export` makes") from error
    return model
