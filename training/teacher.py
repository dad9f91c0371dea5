"""A finished run as the teacher of another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.architecture import architecture_of, as_built, rebuilt
from training.distillation import Distillation
from training.run import RunError, load_model, published, read_run
from training.teaching import TEACHER_WEIGHT, TEMPERATURE


@dataclass(frozen=True, slots=True)
class Teacher:
    """Which run teaches, and how much.

    Attributes:
        workdir: its folder.
        weight: see `Distillation`.
        temperature: see `Distillation`.
    """

    workdir: Path
    weight: float = TEACHER_WEIGHT
    temperature: float = TEMPERATURE

    def distillation(self, labels: Sequence[str]) -> Distillation:
        """Load the teacher, to compute in the precision of the policy that is set now.

        Raises:
            RunError: it is not finished, or has other labels.
        """
        run, model = read_run(self.workdir), load_model(self.workdir)
        if tuple(labels) != run.labels:
            raise RunError(f"the teacher in {self.workdir} has other labels than the data")
        architecture = as_built(architecture_of(run.config, num_classes=len(run.labels)), model)
        return Distillation(rebuilt(architecture, model), self.weight, self.temperature)

    def to_dict(self) -> dict[str, Any]:
        """JSON form, for the record of the run that is taught."""
        teacher = published(self.workdir, "float32")
        return {"method": "distillation", "teacher": teacher, "weight": self.weight, "temperature": self.temperature}
