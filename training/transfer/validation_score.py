"""What a network is worth on the validation images: which of two is kept."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from models.measuring.intervals import in_words
from training.dataset import Targets
from training.run import read_json, write_json
from training.transfer.head import Logits, total_loss

FINE_TUNING_FILE = "fine_tuning.json"  # in the folder of a run
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
        """Tell whether another has less loss: of few images that tells more than how many are right."""
        return self.loss > other.loss

    def __str__(self) -> str:
        return in_words(self.num_right, self.num_images, "validation image")


@dataclass(frozen=True, slots=True)
class FineTuned:
    """A classifier on a network's features, and what it became when all layers learned.

    Attributes:
        before: of the classifier alone.
        after: of all layers.
    """

    before: ValidationScore
    after: ValidationScore

    @property
    def is_kept(self) -> bool:
        """Whether all layers are what the run is left with."""
        return not self.after.is_worse_than(self.before)

    def __str__(self) -> str:
        verdict = "they are kept" if self.is_kept else "the classifier alone is kept"
        alone = f"the classifier alone: {self.before.num_right} right, loss {self.before.loss:.3f}"
        return f"all layers: {self.after}, loss {self.after.loss:.3f}; {alone}; {verdict}"

    def save(self, workdir: Path) -> None:
        """Keep it in the folder of a run."""
        write_json(workdir / FINE_TUNING_FILE, asdict(self))

    @classmethod
    def read(cls, workdir: Path) -> FineTuned | None:
        """Return what the folder of a run has; None for a run of another kind."""
        path = workdir / FINE_TUNING_FILE
        if not path.exists():
            return None
        return cls(**{name: ValidationScore(**score) for name, score in read_json(path).items()})
