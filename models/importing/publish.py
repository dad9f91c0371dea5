"""Publishes an imported file with a manifest, metadata and golden answers, as a training's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from models.importing.measured import Measured
from models.measuring.promotion import Verdict
from models.pixels.spec import PixelSpec
from models.portable.completed import completed
from models.portable.golden import PACKAGES
from models.runtime.model_file import first_runtime
from models.store.artifact import Artifact
from models.store.manifest import Manifest
from models.store.model_files import FORMATS, ModelFile
from models.store.repository import Repository

FAMILY = "imported"


def publish(
    measured: Measured,
    repository: Repository,
    folder: Path,
    *,
    name: str,
    network: str,
    labels: Sequence[str],
    pixels: PixelSpec,
    provenance: Mapping[str, Any],
    other_metrics: Mapping[str, Any],
    verdict: Verdict,
    why: str = "",
) -> Artifact:
    """Publish a file as the next version of a model.

    Args:
        measured: the file.
        repository: to publish in.
        folder: to work in.
        name: of the model.
        network: what the file is called, for the manifest's architecture.
        labels: in the order of its probabilities.
        pixels: how pictures are fitted.
        provenance: JSON: where it comes from, and what was done to it.
        other_metrics: JSON, figures of other files of the same network, by precision.
        verdict: whether it is served from now on, in the place of which version, and why.
        why: for the history.
    """
    name_of_file = FORMATS[measured.model_format].exported.file
    figures = {measured.precision: measured.to_dict()} if measured.metrics else {}
    manifest = Manifest(
        name=name,
        version=1,
        architecture={"family": FAMILY, "name": network},
        labels=tuple(labels),
        pixels=pixels,
        formats={measured.model_format: ModelFile(name_of_file, measured.precision)},
        metrics={**other_metrics, **figures},
        provenance={
            **provenance,
            "compared_with_stable": verdict.to_dict(),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "packages": {package: version(package) for package in PACKAGES[first_runtime(Path(name_of_file))]},
        },
        calibration=measured.calibration,
        expected_answers=measured.expected_answers,
        evaluation=measured.evaluation,
        operating_curve=measured.operating_curve,
    )
    file = folder / name_of_file
    file.write_bytes(measured.content)
    with completed(manifest, {name_of_file: file}) as files:
        return repository.publish(
            manifest, files, in_place_of=verdict.instead_of, becomes_stable=verdict.is_served, why=why
        )
