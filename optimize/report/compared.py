"""Open the models that a report compares: versions from a repository, and `.tflite` files from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from models.pixels.spec import PixelSpec
from models.runtime import Runtime
from models.runtime.litert import LiteRTRuntime
from models.store.reference import ModelReference
from models.store.repository import Repository
from optimize.cost.tflite_file import read_tflite
from optimize.report.external import ExternalClassifier


@dataclass(frozen=True, slots=True)
class Compared:
    """One model of a report.

    Attributes:
        name: "name:version" of an artifact; of a file whatever the user calls it.
        file: the `.tflite`.
        pixels: what an image is turned into for it.
        precision: "int8" and so on as the artifact says; of a file the type of its input.
        labels: of an artifact; None for a file, which has none.
        saved_model: of an artifact, its folder for GPUs; None where it has none.
        saved_model_precision: of that, as the artifact says.
        provenance: of an artifact; nothing for a file.
    """

    name: str
    file: Path
    pixels: PixelSpec
    precision: str
    labels: tuple[str, ...] | None = None
    saved_model: Path | None = None
    saved_model_precision: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_external(self) -> bool:
        """True for a file from elsewhere."""
        return self.labels is None

    def load(self, *, num_classes: int, num_threads: int) -> Runtime:
        """Load the file; the caller closes the runtime."""
        if self.is_external:
            return ExternalClassifier(self.file, num_classes=num_classes, num_threads=num_threads)
        shape = (self.pixels.height_px, self.pixels.width_px, 3)
        return LiteRTRuntime(self.file, input_shape=shape, num_classes=num_classes, num_threads=num_threads)


def open_artifact(repository: Repository, target: str) -> Compared:
    """Open a version of the repository, "name:version", or the stable one, "name".

    Raises:
        ValueError: the target is not of that form.
        ArtifactError: it is not there, is corrupt, or has no file for LiteRT.
    """
    wanted = ModelReference.parse(target)
    artifact = repository.load(wanted.name, wanted.version)
    manifest = artifact.manifest
    for_gpu = manifest.formats.get("tensorflow")
    return Compared(
        name=str(manifest.reference),
        file=artifact.model_path("litert"),
        pixels=manifest.pixels,
        precision=manifest.formats["litert"].precision,
        labels=manifest.labels,
        saved_model=artifact.model_path("tensorflow") if for_gpu else None,
        saved_model_precision=for_gpu.precision if for_gpu else "",
        provenance=manifest.provenance,
    )


def open_file(name: str, path: Path, *, num_classes: int, like: PixelSpec | None) -> Compared:
    """Open a `.tflite` file from elsewhere.

    Args:
        name: to call it.
        path: of the file.
        num_classes: that it must tell apart.
        like: how images are fitted to its size; None for their centre.

    Raises:
        ValueError: it is not a classifier of raw pixels and that many classes.
    """
    if not path.is_file():
        raise ValueError(f"{name}: there is no file {path}")
    read_tflite(path)  # what is broken is refused here, before native code sees it
    classifier = ExternalClassifier(path, num_classes=num_classes)
    classifier.close()
    height_px, width_px, _ = classifier.input_shape
    pixels = replace(like or PixelSpec(height_px, width_px), height_px=height_px, width_px=width_px)
    return Compared(name, path, pixels, f"{classifier.input_dtype} in")


def check_names(models: Sequence[Compared]) -> None:
    """Raise ValueError if two models have the same name."""
    names = [model.name for model in models]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{twice[0]!r} is given twice")


def find_baseline(compared: Sequence[Compared], targets: Sequence[str], baseline: str | None) -> Compared:
    """Find the model that the others are compared with.

    Args:
        compared: all models; first those of the repository.
        targets: what they were asked for by, "name" or "name:version".
        baseline: one of these, or the name of a model; None for the first.

    Raises:
        ValueError: there is no such model.
    """
    if baseline is None:
        return compared[0]
    by_name = dict(zip(targets, compared, strict=False)) | {model.name: model for model in compared}
    if baseline not in by_name:
        raise ValueError(f"the baseline must be one of {', '.join(by_name)}, got {baseline!r}")
    return by_name[baseline]
