"""What a training starts from: weights of ImageNet, a model of a repository, a finished run, or nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.errors import ModelNotFound, VersionNotFound
from models.store.artifact import Artifact
from models.store.manifest import Manifest
from models.store.reference import ModelReference
from models.store.repository import Repository
from training.config import BACKBONES, NOTHING, TrainingConfig
from training.dataset import Dataset, HeldOut

RESNET50V2 = "resnet50v2"  # of Keras Applications
# What a fine-tuning takes from the network that it starts from.
_OF_NETWORK = ("variant", "width", "norm", "image_px", "crop_fraction")


@dataclass(frozen=True, slots=True)
class StartingPoint:
    """A network that was trained before.

    Attributes:
        init: as typed, such as "lite0", "pets:2" or "runs/pets".
        changes: settings that follow from its network.
        labels: its classes; empty for those of ImageNet.
        parent: "name:version" of it; None for a backbone.
        ancestry: commands that made it, the first one first.
        artifact: that has its weights, where it is a version of a model.
        learned_from: the sha256 of the data that it was trained on, and how that was split; None where nobody tells.
    """

    init: str
    changes: Mapping[str, Any]
    labels: tuple[str, ...] = ()
    parent: str | None = None
    ancestry: tuple[str, ...] = ()
    artifact: Artifact | None = field(default=None, repr=False)
    learned_from: tuple[str, HeldOut] | None = None

    def may_have_learned_from_tests_of(self, data: Dataset) -> bool:
        """Tell whether test photos of the old part of joined data may be among what the network was trained on."""
        if not (data.sources and self.learned_from):
            return False
        sha256, held_out = self.learned_from
        return sha256 != data.sources[0].sha256 or data.held_out not in {None, held_out}

    def require_its_classes(self, labels: Collection[str]) -> None:
        """Raise ValueError where photos lack a class that the network tells apart, and would forget."""
        if lacking := [label for label in self.labels if label not in labels]:
            raise ValueError(
                f"{self.init} knows {', '.join(lacking)}, and neither --data nor --old has photos of it: give by --old "
                "what it has learned from, or train without --old"
            )


def find_starting_point(init: str, repository: Repository) -> StartingPoint | None:
    """Find what `--init` names, without loading TensorFlow.

    Args:
        init: "none"; "lite0" or "lite2"; "resnet50v2" of Keras Applications, which is downloaded, or an .h5 file of its
            weights; NAME or NAME:VERSION in the repository; the folder of a finished run, or its model.keras.
        repository: that has NAME.

    Raises:
        ValueError: there is no such thing, or it has no weights to start from; the message says what there is.
    """
    if init == NOTHING:
        return None
    if init in BACKBONES:
        return StartingPoint(init, {"variant": init, "image_px": BACKBONES[init]})
    path = Path(init)
    if init == RESNET50V2 or (path.suffix == ".h5" and path.is_file()):
        return StartingPoint(init, {"variant": "50", "image_px": 224, "crop_fraction": 0.875})
    folder = path.parent if path.name == "model.keras" else path
    if (folder / "run.json").is_file():
        return _of_run(init, folder)
    return _of_version(init, repository)


def _of_run(init: str, folder: Path) -> StartingPoint:
    from training.run import read_run

    run = read_run(folder)
    changes = {name: getattr(run.config, name) for name in _OF_NETWORK}
    learned_from = run.data_sha256, run.config.held_out
    return StartingPoint(init, changes, run.labels, None, run.commands, learned_from=learned_from)


def _of_version(init: str, repository: Repository) -> StartingPoint:
    names = ", ".join((*BACKBONES, RESNET50V2, NOTHING))
    allowed = f"{names}, NAME:VERSION of a model in {repository.root}, or a run's folder"
    try:
        reference = ModelReference.parse(init)
        artifact = repository.load(reference.name, reference.version)
    except (ModelNotFound, VersionNotFound, ValueError) as error:
        raise ValueError(f"--init must be {allowed}, got {init!r} ({error})") from None
    manifest = artifact.manifest
    if "tensorflow" not in manifest.formats:
        raise ValueError(
            f"{manifest.reference} has a .tflite alone, which no training can start from: give the folder of its run "
            f"(--init runs/{manifest.name}), or a version that `python -m optimize export --for gpu` has made"
        )
    commands: Any = manifest.provenance.get("training_commands", ())
    return StartingPoint(
        init,
        _settings(manifest),
        manifest.labels,
        str(manifest.reference),
        tuple(commands),
        artifact=artifact,
        learned_from=_learned_from(manifest),
    )


def _learned_from(manifest: Manifest) -> tuple[str, HeldOut] | None:
    provenance: Any = manifest.provenance
    try:
        return provenance["dataset"]["sha256"], TrainingConfig.from_dict(provenance["config"]).held_out
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _settings(manifest: Manifest) -> dict[str, Any]:
    architecture, pixels = manifest.architecture, manifest.pixels
    return {
        "variant": architecture["variant"],
        "width": architecture.get("width"),
        "norm": architecture.get("norm", "batch"),
        "image_px": pixels.height_px,
        "crop_fraction": pixels.crop_fraction,
    }
