"""What can be asked of quantization-aware training."""

from __future__ import annotations

from dataclasses import dataclass

from training.distillation_settings import TEACHER_WEIGHT, TEMPERATURE, check_teacher

METHOD = "quantization-aware training"  # as a run calls it


@dataclass(frozen=True, slots=True)
class QuantizationAwareTraining:
    """How a model is fine-tuned.

    Attributes:
        epochs: of fine-tuning.
        peak_lr: of fine-tuning; None for a twentieth of the training's.
        num_calibration_images: training images that the ranges of the activations begin with.
        teacher_weight: part of the loss that is the distance to the float32 model, see `Distillation`.
        temperature: of that distance.
    """

    epochs: int = 4
    peak_lr: float | None = None
    num_calibration_images: int = 512
    teacher_weight: float = TEACHER_WEIGHT
    temperature: float = TEMPERATURE

    def __post_init__(self) -> None:
        for name in ("epochs", "num_calibration_images"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be >= 1, got {getattr(self, name)}")
        check_teacher(self.teacher_weight, self.temperature)
