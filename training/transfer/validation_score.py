"""What a network is worth on the validation images: which of two is kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.dataset import Targets
from training.intervals import in_words
from training.transfer.head import Logits, total_loss

_TEMPERATURES = np.geomspace(0.25, 4, 33)


@dataclass(frozen=True, slots=True)
class ValidationScore:
    """How often a network is right, and how sure of it.

    Attributes:
        num_right: of them.
        num_images: of them all.
        loss: mean cross-entropy, with the temperature that is best for it.
    """

    num_right: int
    num_images: int
    loss: float

    @classmethod
    def of(cls, logits: Logits, targets: Targets) -> ValidationScore:
        """Compare logits, [N, C], with targets, [N]."""
        losses = [total_loss(logits / temperature, targets) for temperature in _TEMPERATURES]
        return cls(int((logits.argmax(axis=1) == targets).sum()), len(targets), min(losses) / len(targets))

    def is_worse_than(self, other: ValidationScore) -> bool:
        """Tell whether another is right more often, or as often and surer of it."""
        return (self.num_right, -self.loss) < (other.num_right, -other.loss)

    def __str__(self) -> str:
        return in_words(self.num_right, self.num_images, "validation image")
