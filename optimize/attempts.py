"""What a search has tried: each attempt measured against both budgets, their table, and the best of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from models.errors import OpsinError
from models.report import percent, size, table
from optimize.candidate import Candidate
from optimize.changes import Changes
from optimize.cost.rounds import Rounds
from optimize.gate import Limits, Verdict
from optimize.settings import Search


class BudgetsNotMet(OpsinError):
    """No candidate is fast and accurate enough; the message has all of them."""

    code: ClassVar[str] = "budgets_not_met"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A stage's candidate, measured against both budgets.

    Attributes:
        name: of the stage.
        candidate: that it made.
        changes: on the validation images, against the first model of the line.
        verdict: of the gate.
        latency: of one image on one core as a part of the plain int8 file's.
    """

    name: str
    candidate: Candidate
    changes: Changes
    verdict: Verdict
    latency: Rounds

    def keeps(self, budget_latency: float) -> bool:
        """Tell if the candidate is within both budgets.

        A budget of 1 always holds. Below that the rounds vary, so the candidate passes if their lower quartile does.
        """
        is_fast = budget_latency == 1 or self.latency.quartiles[0] <= budget_latency
        return is_fast and self.verdict.is_within

    def to_dict(self) -> dict[str, object]:
        """Return the JSON form for trials.json; figures are on the validation images, by which the search chooses."""
        measured = self.candidate.measured
        return {
            **measured.validation.to_dict(),
            "drop_points": round(-self.changes.top1_points, 2),
            "drop_points_interval": [round(-end, 2) for end in reversed(self.changes.interval_points)],
            "is_within": self.verdict.is_within,
            "reason": self.verdict.reason,
            "latency": self.latency.median,
            "num_bytes": measured.file.stat().st_size,
        }

    def to_row(self) -> list[str]:
        """Return the cells of the table: name, top-1, points and their interval, time, bytes."""
        measured, (low, high) = self.candidate.measured, self.changes.interval_points
        points = f"{self.changes.top1_points:+.2f} ({low:+.2f} to {high:+.2f})"
        top1, num_bytes = percent(measured.validation.top1), size(measured.file.stat().st_size)
        is_within = "yes" if self.verdict.is_within else "no"
        return [self.name, top1, points, is_within, f"{self.latency.median:.2f}", num_bytes]


def attempts_table(attempts: Sequence[Attempt]) -> str:
    """Format a line for each attempt; top-1 and points are of the validation images."""
    num_images = attempts[0].candidate.measured.validation.num_images
    header = ["tried", f"top-1 of {num_images:,}", "points", "within", "time", "bytes"]
    return table(header, [attempt.to_row() for attempt in attempts])


def best_of(attempts: Sequence[Attempt], budget_latency: float) -> Attempt | None:
    """Choose the most accurate that keeps both budgets, else the fastest that loses no more than allowed, if any."""
    kept = [attempt for attempt in attempts if attempt.keeps(budget_latency)]
    if kept:
        return min(kept, key=lambda attempt: (-attempt.changes.top1_points, attempt.latency.median))
    within = [attempt for attempt in attempts if attempt.verdict.is_within]
    return min(within, key=lambda attempt: attempt.latency.median, default=None)


def choose(attempts: Sequence[Attempt], settings: Search, limits: Limits, *, otherwise: str) -> Attempt:
    """Choose the best attempt.

    Args:
        attempts: all that were made.
        settings: the budget of time, and whether nothing else will do.
        limits: that the attempts were judged by.
        otherwise: what can be done where there is none, for the message.

    Raises:
        BudgetsNotMet: no attempt loses so little, or `settings.strict` and none is within both budgets.
    """
    best = best_of(attempts, settings.budget_latency)
    if best is None or (settings.strict and not best.keeps(settings.budget_latency)):
        raise BudgetsNotMet(f"{not_kept(settings, limits)}: not published; {otherwise}\n{attempts_table(attempts)}")
    return best


def not_kept(settings: Search, limits: Limits) -> str:
    """Say which budgets were asked for, where no attempt keeps to both."""
    asked = f"budget_latency is {settings.budget_latency:g} and max_accuracy_drop {limits.max_accuracy_drop:g}"
    return f"{asked}, and nothing that was tried keeps to both"
