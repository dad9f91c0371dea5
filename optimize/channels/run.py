"""Prune the channels of a finished run's model and fine-tune what is left, in rounds, as a run of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import tf_keras as keras

from models.resnet_v2 import ResNetV2
from optimize.channels.options import DEFAULT_MACS, ChannelPruning
from optimize.channels.removal import Batch, macs_for_latency, macs_of, within_latency, without_least_important
from optimize.made import Made
from optimize.source import Source
from optimize.training_sample import NUM_STATISTICS_BATCHES, drawn_batches, reestimate_batch_norms
from training.architecture import as_built, rebuilt
from training.config import TrainingConfig
from training.deliver import finish_float32
from training.loop import PixelSets, fit
from training.precision import building_in
from training.run import load_model, save_model, write_json
from training.train import pixel_sets

NUM_IMPORTANCE_BATCHES = 32
WARMUP_FRACTION = 0.1


def prune_channels(
    source: Source, output: Path, pruning: ChannelPruning, *, command: str = "", say: Callable[[str], None] = print
) -> Made:
    """Remove whole channels, fine-tune what is left and measure it on the full test set.

    What comes out is an ordinary dense model: smaller and faster wherever it runs.

    Args:
        source: the run to start from; its model is the teacher.
        output: folder of the new run; the same command goes on where it stopped, and `quantize` takes it from there.
        pruning: how.
        command: as typed, for the manifest.
        say: gets a line on each round.

    Raises:
        RunError: `output` holds another run.
        ValueError: so small a budget cannot be reached.
    """
    config = _fine_tuning(source.run.config, pruning)
    compression = {"method": "channels", **asdict(pruning)}
    run = source.begin_run(output, config, compression=compression, command=command)
    model = _Rounds(source, pixel_sets(source.data, config, output), config, pruning, output).run(say)
    candidate = finish_float32(model, run, source.data, workdir=output)
    return Made(source, run, output, candidate, as_built(source.architecture, model))


class _Rounds:
    """Prunes and fine-tunes by turns; each round has a folder with what it began with, and its checkpoints."""

    def __init__(
        self, source: Source, images: PixelSets, config: TrainingConfig, pruning: ChannelPruning, workdir: Path
    ) -> None:
        self._source, self._images, self._config, self._pruning = source, images, config, pruning
        self._workdir = workdir

    def run(self, say: Callable[[str], None]) -> keras.Model:
        """All rounds; returns the float32 model."""
        model = self._source.model
        num_rounds = self._pruning.rounds
        dense_macs, macs = macs_of(model), self._macs()
        for number in range(1, num_rounds + 1):
            folder = self._workdir / f"round-{number}"
            folder.mkdir(exist_ok=True)
            model = self._begin(folder, model, dense_macs * macs ** (number / num_rounds), number == num_rounds)
            architecture = self._architecture_of(model)
            say(f"round {number} of {num_rounds}: streams {architecture.streams}, within blocks {architecture.inner}")
            epochs = self._pruning.epochs if number == num_rounds else self._pruning.round_epochs
            model = self._fine_tune(model, folder, replace(self._config, epochs=epochs))
        return model

    def _macs(self) -> float:
        """The budget as a part of the multiply-accumulates; one of time is measured once, and kept with the run."""
        if self._pruning.latency is None:
            return self._pruning.macs or DEFAULT_MACS
        kept = self._workdir / "budget.json"
        if not kept.exists():
            batches = self._batches(NUM_IMPORTANCE_BATCHES)
            found = macs_for_latency(
                self._source.model, self._source.architecture, batches, self._pruning, self._pruning.latency
            )
            write_json(kept, {"macs": found})
        return float(json.loads(kept.read_text())["macs"])

    def _begin(self, folder: Path, model: keras.Model, max_macs: float, is_last: bool) -> keras.Model:
        """Prune, or take what was pruned before the run was stopped."""
        if not (folder / "model.keras").exists():
            save_model(folder, self._pruned(model, max_macs, is_last))
        return load_model(folder)

    def _pruned(self, model: keras.Model, max_macs: float, is_last: bool) -> keras.Model:
        asked = (model, self._architecture_of(model), self._batches(NUM_IMPORTANCE_BATCHES), self._pruning, max_macs)
        latency = self._pruning.latency
        narrower = (
            within_latency(*asked, latency=latency, whole=self._source.model)
            if is_last and latency is not None
            else without_least_important(*asked)
        )
        reestimate_batch_norms(narrower, (pixels for pixels, _ in self._batches(NUM_STATISTICS_BATCHES)))
        return narrower

    def _fine_tune(self, model: keras.Model, folder: Path, config: TrainingConfig) -> keras.Model:
        """Train in the run's precision; what comes back is float32."""
        keras.utils.set_random_seed(config.seed)
        architecture = self._architecture_of(model)
        with building_in(config.precision):
            student = rebuilt(architecture, model)
            distillation = self._source.distillation(self._pruning.teacher_weight, self._pruning.temperature)
            trained = fit(student, self._images, config=config, workdir=folder, distillation=distillation)
        return rebuilt(architecture, trained)

    def _batches(self, num_batches: int) -> Iterator[Batch]:
        return drawn_batches(self._images, num_batches, seed=self._config.seed)

    def _architecture_of(self, model: keras.Model) -> ResNetV2:
        return as_built(self._source.architecture, model)


def _fine_tuning(config: TrainingConfig, pruning: ChannelPruning) -> TrainingConfig:
    peak_lr = config.peak_lr / 2 if pruning.peak_lr is None else pruning.peak_lr
    return replace(
        config,
        epochs=pruning.epochs,
        peak_lr=peak_lr,
        warmup_fraction=WARMUP_FRACTION,
        small_fraction=pruning.small_fraction,
    )
