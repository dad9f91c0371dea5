"""What a compression gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.report import size
from models.store.artifact import Artifact
from optimize.cost.tflite_file import TFLiteFile, read_tflite
from training.publish import MeasuredFile

OF_ZEROS = "Zeros shrink the compressed file; dense kernels run no faster for them."
SPARSE = 0.1  # what has fewer zeros was not pruned: rounding made 1.1 % of zeros in the shipped model (read_tflite)


@dataclass(frozen=True, slots=True)
class Compressed:
    """A published artifact, the measured files before and after, and lines on what else is to be known."""

    artifact: Artifact
    before: MeasuredFile
    after: MeasuredFile
    notes: Sequence[str] = ()

    def __str__(self) -> str:
        manifest = self.artifact.manifest
        before, after = self.before, self.after
        result = (
            f"published {manifest.name} version {manifest.version} ({after.precision}): "
            f"top-1 {before.metrics.top1:.2%} -> {after.metrics.top1:.2%}, "
            f"{before.file.stat().st_size / 1000:,.0f} kB -> {after.file.stat().st_size / 1000:,.0f} kB"
        )
        return "\n".join([result, *self.notes, *_about_zeros(read_tflite(before.file), read_tflite(after.file))])


def zeros_and_gzip(file: Path) -> dict[str, Any]:
    """What a manifest says of a file that may have zeros: their part in its kernels, and its bytes after gzip."""
    found = read_tflite(file)
    return {"measured_sparsity": round(found.sparsity, 6), "gzip_bytes": found.gzip_bytes}


def _about_zeros(before: TFLiteFile, after: TFLiteFile) -> list[str]:
    if after.sparsity < SPARSE:
        return []
    return [
        f"zeros in its kernels: {before.sparsity:.2%} -> {after.sparsity:.2%}; "
        f"after gzip: {size(before.gzip_bytes)} -> {size(after.gzip_bytes)}. " + OF_ZEROS
    ]
