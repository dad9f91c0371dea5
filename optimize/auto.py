"""The common case in one command: tries what there is, from the cheapest on, and picks the best that keeps the budgets.

The rungs: the model as it is, quantized; with its least important channels removed until an image takes no longer than
the budget allows, quantized; and the same after quantization-aware training, where quantization alone lost accuracy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from models.errors import OpsinError
from models.report import size, table
from optimize.candidate import Candidate
from optimize.channels.prune import prune_channels
from optimize.cost.latency import latency_ratio
from optimize.cost.rounds import Rounds
from optimize.gate import accuracy_drop
from optimize.quantization.aware import train_quantized
from optimize.quantization.post_training import quantize
from optimize.settings import ChannelPruning, Ladder, QuantizationAwareTraining
from optimize.source import Source
from training.run import write_json

TOLERATED_POINTS = 0.1  # that quantization alone may lose before quantization-aware training is tried


class BudgetsNotMet(OpsinError):
    """Nothing that was tried is fast and accurate enough; the message has all of it."""

    code: ClassVar[str] = "budgets_not_met"


@dataclass(frozen=True, slots=True)
class Trial:
    """One rung, measured.

    Attributes:
        name: what was done.
        made: what came of it.
        drop: lost points of top-1 accuracy against the float32 model; negative if some was gained.
        latency: of one image on one core as a part of the plain int8 file's.
    """

    name: str
    made: Candidate
    drop: float
    latency: Rounds

    def keeps(self, budget_latency: float, max_accuracy_drop: float) -> bool:
        """Whether it is within both budgets; of time as far as the rounds can tell, and a budget of 1 is none."""
        is_fast = budget_latency == 1 or self.latency.quartiles[0] <= budget_latency
        return is_fast and self.drop <= max_accuracy_drop + 1e-9


def climb(
    source: Source,
    workdir: Path,
    output: Path,
    ladder: Ladder,
    *,
    max_accuracy_drop: float,
    command: str = "",
    say: Callable[[str], None] = print,
) -> Candidate:
    """Try all rungs and pick the most accurate one within the budgets.

    Args:
        source: the run to start from.
        workdir: its folder.
        output: takes the runs of the rungs and trials.json; the same command goes on where it stopped.
        ladder: the budgets.
        max_accuracy_drop: points of top-1 accuracy that may be lost against the float32 model.
        command: as typed, for the manifest.
        say: gets a line on each rung, and the table.

    Raises:
        BudgetsNotMet: no rung is within both budgets.
    """
    say("quantizing the model as it is")
    plain = quantize(source, workdir, command=command)
    made = {"int8": plain}
    if ladder.budget_latency < 1:
        made |= _without_channels(source, output / "channels", ladder, command, say)
    elif _lost(plain) > TOLERATED_POINTS:
        made["int8, trained"] = _trained(source, output / "aware", ladder, command, say)
    baseline = plain.measured.file
    trials = [
        Trial(name, each, _drop(each, source), latency_ratio(each.measured.file, baseline))
        for name, each in made.items()
    ]
    shown = _table(trials)
    say(shown)
    output.mkdir(parents=True, exist_ok=True)
    write_json(output / "trials.json", {trial.name: _record(trial) for trial in trials})
    kept = [trial for trial in trials if trial.keeps(ladder.budget_latency, max_accuracy_drop)]
    if not kept:
        budgets = f"budget_latency is {ladder.budget_latency:g} and max_accuracy_drop {max_accuracy_drop:g}"
        raise BudgetsNotMet(f"{budgets}, and nothing that was tried keeps to both: not published\n{shown}")
    best = min(kept, key=lambda trial: (trial.drop, trial.latency.median))
    return replace(best.made, source=source)  # whose accuracy the gate compares with, and whose name it gets


def _without_channels(
    source: Source, folder: Path, ladder: Ladder, command: str, say: Callable[[str], None]
) -> dict[str, Candidate]:
    say(f"removing channels until an image takes {ladder.budget_latency:g} of the time")
    pruning = ChannelPruning(latency=ladder.budget_latency, epochs=ladder.epochs, round_epochs=ladder.round_epochs)
    narrower = prune_channels(source, folder, pruning, command=command, say=say).as_source()
    made = {"channels, int8": quantize(narrower, folder, command=command)}
    if _lost(made["channels, int8"]) > TOLERATED_POINTS:
        made["channels, int8, trained"] = _trained(narrower, folder.with_name("channels-aware"), ladder, command, say)
    return made


def _trained(source: Source, folder: Path, ladder: Ladder, command: str, say: Callable[[str], None]) -> Candidate:
    say("training it as the int8 file it becomes")
    return train_quantized(source, folder, QuantizationAwareTraining(epochs=ladder.aware_epochs), command=command)


def _lost(made: Candidate) -> float:
    return _drop(made, made.source)


def _drop(made: Candidate, source: Source) -> float:
    return accuracy_drop(source.dense.metrics, made.measured.metrics)


def _table(trials: Sequence[Trial]) -> str:
    rows = [
        [
            trial.name,
            f"{trial.made.measured.metrics.top1:.2%}",
            f"{-trial.drop:+.2f}",
            f"{trial.latency.median:.2f}",
            size(trial.made.measured.file.stat().st_size),
        ]
        for trial in trials
    ]
    return table(["tried", "top-1", "points", "time", "bytes"], rows)


def _record(trial: Trial) -> dict[str, object]:
    candidate = trial.made.measured
    return {
        **candidate.metrics.to_dict(),
        "drop_points": round(trial.drop, 2),
        "latency": trial.latency.median,
        "num_bytes": candidate.file.stat().st_size,
    }
