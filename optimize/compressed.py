"""What a compression gave."""

from __future__ import annotations

from dataclasses import dataclass

from models.artifact import Artifact
from training.deliver import Candidate


@dataclass(frozen=True, slots=True)
class Compressed:
    """A published artifact, and the measured files before and after."""

    artifact: Artifact
    before: Candidate
    after: Candidate

    def __str__(self) -> str:
        manifest = self.artifact.manifest
        before, after = self.before, self.after
        return (
            f"published {manifest.name} version {manifest.version} ({after.precision}): "
            f"top-1 {before.metrics.top1:.2%} -> {after.metrics.top1:.2%}, "
            f"{before.file.stat().st_size / 1000:,.0f} kB -> {after.file.stat().st_size / 1000:,.0f} kB"
        )
