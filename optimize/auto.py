"""The common case in one command: a search, from the cheapest stage on, for the best model within the budgets.

The stages: the model as it is, quantized; with its least important channels removed until an image takes no longer than
the budget allows, quantized, and trained as int8 where quantization alone costs accuracy. Where that loses too much,
the budget of time is a tenth more each time. The search chooses by validation images, and ends with the best there is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from models.plural import how_many
from models.store.repository import Repository
from models.this_python import this_python
from optimize.attempts import Attempt, attempts_table, choose, not_kept
from optimize.candidate import Candidate
from optimize.changes import likeness
from optimize.channels.plan import BudgetOutOfReach
from optimize.channels.prune import prune_channels
from optimize.cost.gain import measure_gain
from optimize.cost.latency import latency_ratio
from optimize.cost.rounds import Rounds
from optimize.gate import Limits
from optimize.line import Line
from optimize.pace import Pace, measure_pace
from optimize.quantization.aware import train_quantized
from optimize.quantization.post_training import quantize
from optimize.settings import ChannelPruning, Precision, Quantization, QuantizationAwareTraining, Search
from optimize.source import Source
from training.run import read_run, write_json

TOLERATED_POINTS = 0.1  # that quantization alone may cost before quantization-aware training is tried
NEXT_BUDGET = 0.1  # that an image may take longer after an attempt that lost too much
LAST_BUDGET = 0.9
# Of the recipes in recipes/cifar10.mk: from so many epochs on that of half-int8 and two-fifths-int8, with twice the
# images a step, covered by parts of others; with fewer that of third-int8, at a fifth of the training's learning rate.
LONG_EPOCHS = 40


def search(
    source: Source,
    workdir: Path,
    output: Path,
    settings: Search,
    *,
    repository: Repository,
    limits: Limits,
    changes: Sequence[str] = (),
    command: str = "",
    say: Callable[[str], None] = print,
    clock: Callable[[], float] = time.monotonic,
) -> Candidate | None:
    """Run the stages and pick the most accurate candidate within the budgets, else the fastest that loses no more.

    Args:
        source: the run to start from.
        workdir: its folder.
        output: takes the stages' runs and trials.json; the same command goes on where it stopped.
        settings: the budget of time, and how long the search may take.
        repository: that the models of the source's line are in.
        limits: what may be lost against the first model of the line.
        changes: that were made to the source's settings, which the search leaves as they are.
        command: as typed, for the manifest.
        say: gets the plan, a line on each stage, and the table.
        clock: seconds, monotonic.

    Returns:
        The candidate to publish; None for a dry run.

    Raises:
        BudgetsNotMet: no candidate loses so little, or `settings.strict` and none is within both budgets.
    """
    stages = _Stages(source, workdir, output, settings, changes, command, say, clock)
    budgets = stages.plan()
    if settings.dry_run:
        return None
    tried = _Tried(Line(source, repository), limits)
    say("quantizing the model as it is")
    plain = tried.add("int8", stages.quantized())
    stages.note_gain(plain.candidate)
    if settings.budget_latency == 1 and not stages.refusal and _cost(plain.candidate) > TOLERATED_POINTS:
        tried.add("int8, trained", stages.trained(source, "aware"))
    for budget in stages.in_time(budgets):
        made = [tried.add(name, candidate) for name, candidate in stages.without_channels(budget)]
        if any(attempt.keeps(budget) for attempt in made):
            break
    if not any(attempt.verdict.is_within for attempt in tried.attempts):
        tried.add("float16", stages.quantized("float16"))
    tried.record(output / "trials.json", say)
    plainly = (
        f"`{this_python()} -m optimize quantize --workdir {workdir} --force {source.name}` publishes int8 all the same"
    )
    best = choose(tried.attempts, settings, limits, otherwise=plainly)
    if not best.keeps(settings.budget_latency):
        needs = "" if best is plain else f", which needs {best.latency.median:.2f} of the time of the plain int8 file"
        nearer = "more --minutes or a larger --max-accuracy-drop may bring it nearer; " if budgets else ""
        nothing_else = "--strict publishes nothing else than was asked for"
        say(f"{not_kept(settings, limits)}: {best.name!r} is taken{needs}; {nearer}{nothing_else}")
    return replace(best.candidate, source=source)  # by whose name it goes, and whose line the gate looks at


class _Tried:
    """The attempts so far; the first is the one whose time the others are parts of."""

    def __init__(self, line: Line, limits: Limits) -> None:
        self._line, self._limits = line, limits
        self.attempts: list[Attempt] = []

    def add(self, name: str, candidate: Candidate) -> Attempt:
        measured = candidate.measured
        changes, verdict = self._line.changes(measured), self._line.judge(measured, self._limits)
        latency = Rounds((1.0,))
        if self.attempts:
            latency = latency_ratio(measured.file, self.attempts[0].candidate.measured.file)
        self.attempts.append(Attempt(name, candidate, changes, verdict, latency))
        return self.attempts[-1]

    def record(self, file: Path, say: Callable[[str], None]) -> None:
        """Show the attempts as a table, and keep them as JSON."""
        say(attempts_table(self.attempts))
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, {attempt.name: attempt.to_dict() for attempt in self.attempts})


class _Stages:
    """Makes the candidates, each in a folder of its own under `output`, within the time that there is.

    Attributes:
        refusal: says why the network can only be quantized as it is; "" where it can be trained on.
        offers_float32: networks of fewer channels are candidates in float32, too.
    """

    def __init__(
        self,
        source: Source,
        workdir: Path,
        output: Path,
        settings: Search,
        changes: Sequence[str],
        command: str,
        say: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self._source, self._workdir, self._output = source, workdir, output
        self._settings, self._changes, self._command = settings, changes, command
        self._say, self._clock = say, clock
        self._end_s = clock() + 60 * settings.minutes
        self._pace = Pace(0.0, 0)
        self.refusal, self.offers_float32 = "", False
        try:
            source.require_resnet("what removes channels or trains")
        except ValueError as error:
            self.refusal = str(error)

    def plan(self) -> list[float]:
        """Say what will be tried and how long it takes; returns the budgets of time that channels may go for."""
        first, minutes = self._settings.budget_latency, self._settings.minutes
        if self.refusal or first == 1:
            self._say(f"int8 alone, a minute or two: {self.refusal or 'it may take all of its time'}")
            return []
        self._pace = measure_pace(self._source)
        epoch_s, epochs = self._pace.epoch_s(first), self.epochs(first)
        self._say(
            f"a step takes {self._pace.step_s:.2g} s here, an epoch with {first:g} of the time {_duration(epoch_s)}: "
            f"{how_many(epochs, 'epoch')} of fine-tuning, {_duration(epochs * epoch_s)}; where that loses too much, "
            f"again with more of the time, in half of the minutes that are left of {minutes:g} (--minutes)"
        )
        if epochs < self._settings.epochs:
            needed = 2 * self._settings.epochs * epoch_s / 60
            self._say(
                f"{how_many(self._settings.epochs, 'epoch')}, as the rows of docs/compression.md had, "
                f"take --minutes {needed:.0f}"
            )
        count = int((LAST_BUDGET - first) / NEXT_BUDGET + 1e-9)
        return [first, *(round(first + NEXT_BUDGET * number, 2) for number in range(1, count + 1))]

    def note_gain(self, plain: Candidate) -> None:
        """Say so where int8 is not faster here, and offer float32 then."""
        config, num_classes = self._source.run.config, len(self._source.run.labels)
        gain = measure_gain(plain.measured.file, self._source.dense.file, pixels=config.pixels, num_classes=num_classes)
        if gain.is_faster:
            return
        self.offers_float32 = True
        then = "networks of fewer channels are offered in float32, too"
        if self.refusal or self._settings.budget_latency == 1:
            then = "a network of fewer channels would be faster (--budget-latency 0.5)"
        self._say(f"{gain}: the file is smaller, and no answer comes sooner; {self.refusal or then}")

    def in_time(self, budgets: Sequence[float]) -> Iterator[float]:
        """Yield the budgets, each when it is due, until no time is left to fine-tune for the next."""
        for budget in budgets:
            if not self.epochs(budget):
                self._say(f"{budget:g} of the time: no time is left to fine-tune for that, nor for more")
                return
            yield budget

    def quantized(self, precision: Precision = "int8") -> Candidate:
        return quantize(self._source, self._workdir, Quantization(precision), command=self._command, say=self._say)

    def without_channels(self, budget: float) -> Iterator[tuple[str, Candidate]]:
        """Remove channels for a budget of time, quantize, and train as int8 what loses by that."""
        folder, epochs = self._folder(budget), self.epochs(budget)
        self._say(f"removing channels until an image takes {budget:g} of the time; {how_many(epochs, 'epoch')}")
        source, pruning = self._recipe(budget, epochs)
        try:
            pruned = prune_channels(source, folder, pruning, command=self._command, say=self._say)
        except BudgetOutOfReach as error:
            self._say(f"{budget:g} of the time: {error}")
            return
        if self.offers_float32:
            yield f"{budget:g} of the time, float32", pruned
        narrower = pruned.as_source()
        candidate = quantize(narrower, folder, Quantization(), command=self._command, say=self._say)
        yield f"{budget:g} of the time, int8", candidate
        if _cost(candidate) > TOLERATED_POINTS and self._clock() < self._end_s:
            yield f"{budget:g} of the time, int8, trained", self.trained(narrower, f"{folder.name}-aware")

    def trained(self, source: Source, folder: str) -> Candidate:
        self._say("training it as the int8 file it becomes")
        training = QuantizationAwareTraining(epochs=self._settings.aware_epochs)
        return train_quantized(source, self._output / folder, training, command=self._command)

    def _folder(self, budget: float) -> Path:
        return self._output / f"channels-{round(100 * budget)}"

    def epochs(self, budget: float) -> int:
        """Return the epochs of a run that was begun, or those that fit into half of the time that is left.

        The other half is for what loses less.
        """
        if begun := _epochs_begun(self._folder(budget)):
            return begun
        left_s = max(0.0, self._end_s - self._clock())
        return min(self._settings.epochs, self._pace.epochs_within(left_s / 2, budget))

    def _recipe(self, budget: float, epochs: int) -> tuple[Source, ChannelPruning]:
        """Choose the recipe by the number of epochs; what was changed by hand stays."""
        config = self._source.run.config
        if epochs < LONG_EPOCHS:
            return self._source, ChannelPruning(latency=budget, rounds=1, epochs=epochs)
        long = (
            f"batch_size={2 * config.batch_size}",
            f"augmentation.cutout_px={config.image_px // 2}",
            "augmentation.cutout_fill=image",
        )
        pruning = ChannelPruning(
            latency=budget, rounds=1, epochs=epochs, peak_lr=config.peak_lr, teacher_weight=1.0, hint_weight=1.0
        )
        return self._source.with_settings([*long, *self._changes]), pruning


def _epochs_begun(folder: Path) -> int:
    """Return the epochs of the run that an earlier search began in a folder; 0 where there is none."""
    return int((read_run(folder).compression or {}).get("epochs", 0)) if (folder / "run.json").exists() else 0


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"


def _cost(candidate: Candidate) -> float:
    """Return the points that quantization alone cost, by the probabilities of the model that was quantized."""
    before, after = candidate.source.dense.answers, candidate.measured.answers
    return likeness(before.validation, after.validation).expected_points
