"""Hold one row of a report: a model's figures, and its costs relative to the baseline's."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from optimize.changes import Changes
from optimize.cost.latency import Latency
from optimize.cost.rounds import Rounds
from optimize.cost.tflite_file import TFLiteFile
from optimize.report.accuracy import Accuracy
from optimize.report.on_gpu import OnGPU


@dataclass(frozen=True, slots=True)
class Relative:
    """Costs as multiples of the baseline's; None where the baseline's is 0. Times are medians of round by round."""

    num_bytes: float | None
    gzip_bytes: float | None
    macs: float | None
    num_parameters: float | None
    all_cores_ms: float
    one_core_ms: float
    images_per_s: float
    memory_bytes: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """One model.

    Attributes:
        name: as the user knows it.
        precision: in words.
        is_external: a file from elsewhere, not an artifact.
        accuracy: on all test images.
        changes: against the baseline.
        file: what it holds.
        latency: interleaved with the others'.
        relative: to the baseline.
        on_gpu: the artifact's other file; None where it has none.
    """

    name: str
    precision: str
    is_external: bool
    accuracy: Accuracy
    changes: Changes
    file: TFLiteFile
    latency: Latency
    relative: Relative
    on_gpu: OnGPU | None = None

    def to_dict(self) -> dict[str, Any]:
        """Convert to JSON."""
        changes, latency = self.changes, self.latency
        return {
            "name": self.name,
            "precision": self.precision,
            "is_foreign": self.is_external,
            **self.accuracy.metrics.to_dict(),
            "top1_interval": self.accuracy.interval.to_list(),
            "top1_by_class": list(self.accuracy.by_class),
            **asdict(self.file),
            "all_cores_ms": latency.all_cores_ms,
            "one_core_ms": latency.one_core_ms,
            "images_per_s": latency.images_per_s,
            "batch_size_of_images_per_s": latency.batch_size,
            "memory_bytes": latency.memory_bytes,
            "on_gpu": self.on_gpu.to_dict() if self.on_gpu else None,
            "rounds": {
                "all_cores_ms": list(latency.all_cores.values),
                "one_core_ms": list(latency.one_core.values),
                "images_per_s": list(latency.throughput.values),
            },
            "against_baseline": {
                **{f"{name}_times": value for name, value in asdict(self.relative).items()},
                "top1_points": changes.top1_points,
                "top1_margin_points": changes.margin_points,
                "top1_points_interval": changes.interval_points.to_list(),
                "top1_points_by_class": list(changes.points_by_class),
                "agreement": changes.agreement,
                "churn": changes.churn,
                "num_broken": changes.num_broken,
                "num_fixed": changes.num_fixed,
                "num_swapped": changes.num_swapped,
            },
        }


def relative(file: TFLiteFile, latency: Latency, *, to_file: TFLiteFile, to_latency: Latency) -> Relative:
    """Divide one model's costs by another's."""

    def times(own: Rounds, other: Rounds) -> float:
        return own.over(other).median

    return Relative(
        num_bytes=_ratio(file.num_bytes, to_file.num_bytes),
        gzip_bytes=_ratio(file.gzip_bytes, to_file.gzip_bytes),
        macs=_ratio(file.macs, to_file.macs),
        num_parameters=_ratio(file.num_parameters, to_file.num_parameters),
        all_cores_ms=times(latency.all_cores, to_latency.all_cores),
        one_core_ms=times(latency.one_core, to_latency.one_core),
        images_per_s=times(latency.throughput, to_latency.throughput),
        memory_bytes=_ratio(latency.memory_bytes, to_latency.memory_bytes),
    )


def _ratio(own: float, other: float) -> float | None:
    return own / other if other else None
