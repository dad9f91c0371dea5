"""What answers: the model that a user names, and the runtime that runs it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from models.errors import OpsinError
from models.runtime import AUTO, RuntimeName
from models.runtime_choice.choice import choose_runtime
from models.runtime_choice.installed import installed_runtimes
from models.runtime_choice.kept_trials import default_folder
from models.store.artifact import Artifact, read_artifact
from models.store.manifest import MANIFEST_FILE
from models.store.reference import ModelReference
from models.store.repository import Repository


class UnknownModel(OpsinError):
    """What was given names no model."""

    code = "unknown_model"


class CoverageMissing(OpsinError):
    """A coverage is asked for, and the model was published without what it needs."""

    code = "coverage_missing"


def read_model(model: str, repository: Path, *, coverage: float | None) -> Artifact:
    """Read and verify what a user names: a folder, if it is one with a manifest or is written with a slash.

    Raises:
        CoverageMissing: label sets are asked for that this model cannot give.
        UnknownModel: it is no name, and no folder.
        OpsinError: it is not there, or corrupt.
    """
    artifact = _read_model(model, repository)
    manifest = artifact.manifest
    if coverage is not None and not (manifest.calibration and manifest.calibration.scores):
        raise CoverageMissing(f"model {manifest.reference} was published without the calibration that --coverage needs")
    return artifact


def runtime_for(artifact: Artifact, asked_for: RuntimeName | str, *, before: object) -> RuntimeName:
    """Name the runtime: as asked for, else that of the run to go on with, else the fastest, as the server chooses."""
    if asked_for != AUTO:
        return asked_for  # type: ignore[return-value]  # of the choices that --runtime has
    for runtime in installed_runtimes():
        if runtime == before:
            return runtime
    choice = choose_runtime(artifact, folder=default_folder(os.environ))
    if choice.trials:
        print(f"runs on {choice}", file=sys.stderr)
    return choice.runtime


def _read_model(model: str, repository: Path) -> Artifact:
    folder = Path(model)
    if "/" in model or (folder / MANIFEST_FILE).is_file():
        if not folder.is_dir():
            raise UnknownModel(f"there is no folder {model}")
        return read_artifact(folder)
    if not repository.is_dir():
        raise UnknownModel(f"there is no repository at {repository}: give --repository DIR or set OPSIN_REPOSITORY")
    try:
        reference = ModelReference.parse(model)
    except ValueError as error:
        raise UnknownModel(str(error)) from None
    return Repository(repository).load(reference.name, reference.version)
