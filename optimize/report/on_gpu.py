"""The other file of an artifact, for GPUs: whether it answers as the one for CPUs does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.runtime.tensors import Probabilities
from optimize.agreement import Agreement, compare_predictions, predict_saved_model
from optimize.report.compared import Compared
from training.dataset import Dataset


@dataclass(frozen=True, slots=True)
class OnGPU:
    """The file for GPUs beside the one for CPUs.

    Attributes:
        precision: of it.
        agreement: of the file for CPUs, before, and of it, after.
    """

    precision: str
    agreement: Agreement

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "precision": self.precision,
            **self.agreement.after.to_dict(),
            "agreement_with_litert": self.agreement.labels,
        }


def measure_on_gpu(
    models: Sequence[Compared], predictions: Mapping[str, Probabilities], data: Dataset
) -> dict[str, OnGPU]:
    """Of the models that have a file for GPUs; by name.

    Args:
        models: of a report.
        predictions: of their files for CPUs, by name.
        data: whose test images these are.
    """
    return dict(_measured(models, predictions, data))


def _measured(
    models: Sequence[Compared], predictions: Mapping[str, Probabilities], data: Dataset
) -> Iterable[tuple[str, OnGPU]]:
    for model in models:
        if model.saved_model is None:
            continue
        answers = predict_saved_model(model.saved_model, data.test, model.pixels, num_classes=len(data.labels))
        agreement = compare_predictions(predictions[model.name], answers, data.test.targets)
        yield model.name, OnGPU(model.saved_model_precision, agreement)
