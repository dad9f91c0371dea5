"""The common case in one command: a search, from the cheapest stage on, for the best model within the budgets.

The stages: the model as it is, quantized; with its least important channels removed until an image takes no longer than
the budget allows, quantized; and the same after quantization-aware training, where quantization alone lost accuracy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from models.errors import OpsinError
from models.report import size, table
from models.store.repository import Repository
from optimize.candidate import Candidate
from optimize.changes import Changes
from optimize.channels.prune import prune_channels
from optimize.cost.latency import latency_ratio
from optimize.cost.rounds import Rounds
from optimize.gate import Limits, Verdict
from optimize.line import Line
from optimize.quantization.aware import train_quantized
from optimize.quantization.post_training import quantize
from optimize.settings import ChannelPruning, QuantizationAwareTraining, Search
from optimize.source import Source
from training.run import write_json

TOLERATED_POINTS = 0.1  # that quantization alone may lose before quantization-aware training is tried


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
        """Return the JSON form for trials.json."""
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
        top1, num_bytes = f"{measured.validation.top1:.2%}", size(measured.file.stat().st_size)
        return [self.name, top1, points, f"{self.latency.median:.2f}", num_bytes]


def search(
    source: Source,
    workdir: Path,
    output: Path,
    settings: Search,
    *,
    repository: Repository,
    limits: Limits,
    command: str = "",
    say: Callable[[str], None] = print,
) -> Candidate:
    """Run the stages and pick the most accurate candidate within the budgets.

    Args:
        source: the run to start from.
        workdir: its folder.
        output: takes the stages' runs and trials.json; the same command goes on where it stopped.
        settings: the budget of time, and the epochs of the stages.
        repository: that the models of its line are in.
        limits: what may be lost against the first model of the line.
        command: as typed, for the manifest.
        say: gets a line on each stage, and the table.

    Raises:
        BudgetsNotMet: no candidate is within both budgets.
    """
    stages, line = _Stages(settings, output, command, say), Line(source, repository)
    say("quantizing the model as it is")
    plain = quantize(source, workdir, command=command)
    candidates = {"int8": plain}
    if settings.budget_latency < 1:
        candidates |= stages.without_channels(source)
    elif _lost_points(plain) > TOLERATED_POINTS:
        candidates["int8, trained"] = stages.trained(source, "aware")
    attempts = []
    for name, candidate in candidates.items():
        measured = candidate.measured
        changes, verdict = line.changes(measured), line.judge(measured, limits)
        attempts.append(Attempt(name, candidate, changes, verdict, latency_ratio(measured.file, plain.measured.file)))
    header = ["tried", f"top-1 of {plain.measured.validation.num_images:,}", "points", "time", "bytes"]
    tried = table(header, [attempt.to_row() for attempt in attempts])
    say(tried)
    output.mkdir(parents=True, exist_ok=True)
    write_json(output / "trials.json", {attempt.name: attempt.to_dict() for attempt in attempts})
    kept = [attempt for attempt in attempts if attempt.keeps(settings.budget_latency)]
    if not kept:
        budgets = f"budget_latency is {settings.budget_latency:g} and max_accuracy_drop {limits.max_accuracy_drop:g}"
        raise BudgetsNotMet(f"{budgets}, and nothing that was tried keeps to both: not published\n{tried}")
    best = min(kept, key=lambda attempt: (-attempt.changes.top1_points, attempt.latency.median))
    return replace(best.candidate, source=source)  # whose accuracy the gate compares with, and whose name it gets


@dataclass(frozen=True, slots=True)
class _Stages:
    """The stages that train, each in a folder of its own under `output`."""

    settings: Search
    output: Path
    command: str
    say: Callable[[str], None]

    def without_channels(self, source: Source) -> dict[str, Candidate]:
        settings, folder = self.settings, self.output / "channels"
        self.say(f"removing channels until an image takes {settings.budget_latency:g} of the time")
        pruning = ChannelPruning(
            latency=settings.budget_latency, epochs=settings.epochs, round_epochs=settings.round_epochs
        )
        narrower = prune_channels(source, folder, pruning, command=self.command, say=self.say).as_source()
        candidates = {"channels, int8": quantize(narrower, folder, command=self.command)}
        if _lost_points(candidates["channels, int8"]) > TOLERATED_POINTS:
            candidates["channels, int8, trained"] = self.trained(narrower, "channels-aware")
        return candidates

    def trained(self, source: Source, folder: str) -> Candidate:
        self.say("training it as the int8 file it becomes")
        training = QuantizationAwareTraining(epochs=self.settings.aware_epochs)
        return train_quantized(source, self.output / folder, training, command=self.command)


def _lost_points(candidate: Candidate) -> float:
    return 100 * (candidate.source.dense.validation.top1 - candidate.measured.validation.top1)
