"""Make the folder of a finished run again from its published artifact: weights and manifest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from models.network.architectures import architecture_from_dict, build
from models.plain_path import plain_path
from models.store.artifact import Artifact
from models.store.manifest import Manifest
from training.config import TrainingConfig, replaced
from training.publish import MeasuredFile, finish_float32
from training.run import Run, RunError, open_run, read_run
from training.run_data import load_same_data


def restore(
    artifact: Artifact, data_path: Path, workdir: Path, *, validation_from_test: float = 0.0, command: str = ""
) -> MeasuredFile:
    """Make the folder of a finished run: its record, model.keras and the float32 file, measured again.

    The same call may be repeated, after an interruption or after its end.

    Args:
        artifact: verified, with a SavedModel. Weights that it has in float16 become float32, as rounded as they are.
        data_path: the data that it was trained on.
        workdir: the folder to make.
        validation_from_test: part of the test images that become validation images from now on, where the network has
            learned from all others; 0 keeps the sets as they were.
        command: as typed, for the manifests of models that are made from the run.

    Returns:
        The float32 file, measured on the test images.

    Raises:
        FormatMissing: the artifact has no SavedModel.
        RunError: `workdir` holds another run, the data is other data, the artifact is not of a training of ours, or it
            had validation images.
        DatasetError: the data cannot be used.
    """
    reference = str(artifact.manifest.reference)
    run = run_of(artifact.manifest, data_path, command)
    if validation_from_test:
        if run.config.validation_fraction:
            raise RunError(f"{reference} had validation images, which its network has not learned from: they stay")
        changes = {"validation_fraction": validation_from_test, "validation_from": "test"}
        run = replace(run, config=replaced(run.config, changes))
    if (workdir / "run.json").exists():
        existing = read_run(workdir)
        # The run that the artifact comes from has another parent.
        if (existing.run_id, existing.parent) != (run.run_id, run.parent):
            raise RunError(f"{workdir} holds a run already: use another --workdir")
    model = network_of(artifact)
    data = load_same_data(data_path, run, reference)
    run = open_run(workdir, run)
    return finish_float32(model, run, data, workdir=workdir)


def run_of(manifest: Manifest, data_path: Path, command: str) -> Run:
    """Read the record of the run from the manifest, with `command` as its last one."""
    try:
        provenance: Any = manifest.provenance
        if joined := provenance["dataset"].get("sources"):
            raise RunError(
                f"{manifest.reference} has learned from {' and '.join(source['name'] for source in joined)}, and this "
                "command opens one data set: its run can be used, if it is still there"
            )
        return Run(
            run_id=provenance["run"],
            command=command,
            config=TrainingConfig.from_dict(provenance["config"]),
            data=str(data_path),
            data_name=provenance["dataset"]["name"],
            data_sha256=provenance["dataset"]["sha256"],
            labels=manifest.labels,
            parent=str(manifest.reference),
            ancestry=tuple(provenance["training_commands"]),
            compression=provenance["compression"],
        )
    except (KeyError, TypeError) as error:
        raise RunError(f"the manifest of {manifest.reference} does not tell how it was trained ({error})") from error


def network_of(artifact: Artifact) -> keras.Model:
    """Build the network, float32, from normalized pixels to logits, with the weights of the SavedModel."""
    folder, reference = artifact.model_path("tensorflow"), artifact.manifest.reference
    try:
        model = build(architecture_from_dict(artifact.manifest.architecture))
        # The variables alone are read: nothing that the SavedModel could run.
        with plain_path(folder) as plain:
            checkpoint = tf.train.load_checkpoint(str(plain / "variables" / "variables"))
            names = [f"owned/{index}/.ATTRIBUTES/VARIABLE_VALUE" for index in range(len(model.weights))]
            model.set_weights([checkpoint.get_tensor(name).astype(np.float32) for name in names])
    except (ValueError, tf.errors.OpError) as error:
        raise RunError(f"the SavedModel of {reference} is not one that `python -m optimize export` makes") from error
    return model
