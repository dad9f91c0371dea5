"""Describes the published result of a compression, and its zeros."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.report import percent, size
from models.store.artifact import Artifact
from optimize.cost.tflite_file import read_tflite
from training.publish import MeasuredFile

OF_ZEROS = "Zeros shrink the compressed file; dense kernels run no faster for them."
SPARSE = 0.1  # what has fewer zeros was not pruned: rounding made 1.1 % of zeros in the shipped model (read_tflite)


@dataclass(frozen=True, slots=True)
class Published:
    """A published artifact, the measured files before and after it, and what to say of it: notes, and next steps."""

    artifact: Artifact
    before: MeasuredFile
    after: MeasuredFile
    notes: Sequence[str] = ()
    next_steps: Sequence[str] = ()

    def __str__(self) -> str:
        manifest = self.artifact.manifest
        before, after = self.before, self.after
        result = (
            f"published {manifest.name} version {manifest.version} ({after.precision}): "
            f"top-1 {100 * before.metrics.top1:.1f} % -> {after.metrics}, "
            f"{before.file.stat().st_size / 1000:,.0f} kB -> {after.file.stat().st_size / 1000:,.0f} kB"
        )
        lines = [result, *self.notes]
        dense, sparse = read_tflite(before.file), read_tflite(after.file)
        if sparse.sparsity >= SPARSE:
            lines.append(
                f"zeros in its kernels: {percent(dense.sparsity)} -> {percent(sparse.sparsity)}; "
                f"after gzip: {size(dense.gzip_bytes)} -> {size(sparse.gzip_bytes)}. {OF_ZEROS}"
            )
        return "\n".join([*lines, *self.next_steps])


def zeros_and_gzip(file: Path) -> dict[str, Any]:
    """Return the entries of a manifest on zeros: their fraction in the file's kernels, and its bytes after gzip."""
    figures = read_tflite(file)
    return {"measured_sparsity": round(figures.sparsity, 6), "gzip_bytes": figures.gzip_bytes}
