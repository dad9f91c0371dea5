"""Compare an artifact's file for GPUs with its file for CPUs, on the same test images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.runtime.tensors import Probabilities
from optimize.agreement import Agreement, compare_predictions, predict_saved_model
from optimize.report.compared import Compared
from training.dataset import Dataset


@dataclass(frozen=True, slots=True)
class OnGPU:
    """How the file for GPUs compares with the one for CPUs.

    Attributes:
        precision: of the file for GPUs.
        agreement: from the file for CPUs, `before`, to the one for GPUs, `after`.
    """

    precision: str
    agreement: Agreement

    def to_dict(self) -> dict[str, Any]:
        """Convert to JSON."""
        return {
            "precision": self.precision,
            **self.agreement.after.to_dict(),
            "agreement_with_litert": self.agreement.labels,
        }


def measure_on_gpu(
    models: Sequence[Compared], predictions: Mapping[str, Probabilities], data: Dataset
) -> dict[str, OnGPU]:
    """Run each model's file for GPUs on the test images and compare it with the one for CPUs.

    Args:
        models: of a report; those without a file for GPUs are left out.
        predictions: of their files for CPUs, by name.
        data: whose test images these are.

    Returns:
        The comparisons, by name.
    """
    measured = {}
    for model in models:
        if model.saved_model is not None:
            there = predict_saved_model(model.saved_model, data.test, model.pixels, num_classes=len(data.labels))
            agreement = compare_predictions(predictions[model.name], there, data.test.targets)
            measured[model.name] = OnGPU(model.saved_model_precision, agreement)
    return measured
