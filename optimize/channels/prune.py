"""Prunes the channels of a finished run's model and fine-tunes what is left, in rounds, as a run of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import tf_keras as keras

from models.network.resnet_v2 import ResNetV2
from optimize.candidate import Candidate
from optimize.channels.groups import channel_groups, stream_ends
from optimize.channels.removal import Batch, macs_for_latency, macs_of, within_latency, without_least_important
from optimize.settings import DEFAULT_MACS, ChannelPruning
from optimize.source import Source
from optimize.training_sample import NUM_STATISTICS_BATCHES, drawn_batches, reestimate_batch_norms
from training.architecture import as_built, building_in, rebuilt
from training.config import TrainingConfig
from training.distillation import Hint
from training.loop import fit
from training.pixel_sets import PixelSets, pixel_sets
from training.publish import finish_float32
from training.run import load_model, save_model, write_json

Streams = dict[str, list[int]]  # channels, by the name of the stream

NUM_IMPORTANCE_BATCHES = 32
WARMUP_FRACTION = 0.1


def prune_channels(
    source: Source, output: Path, pruning: ChannelPruning, *, command: str = "", say: Callable[[str], None] = print
) -> Candidate:
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
        ValueError: so small a budget cannot be reached, or the network is no ResNet-v2, or has no batch normalization.
    """
    architecture = source.require_resnet("prune channels")
    config = replace(
        source.run.config,
        epochs=pruning.epochs,
        peak_lr=pruning.peak_lr_after(source.run.config.peak_lr),
        warmup_fraction=WARMUP_FRACTION,
        small_fraction=pruning.small_fraction,
    )
    compression = {"method": "channels", **asdict(pruning)}
    run = source.begin_run(output, config, compression=compression, command=command)
    model = _PruningRounds(
        source, architecture, pixel_sets(source.data, config, output), config, pruning, output
    ).prune(say)
    measured = finish_float32(model, run, source.data, workdir=output)
    return Candidate(source, run, output, measured, as_built(architecture, model))


@dataclass(frozen=True, slots=True)
class _RoundStart:
    """The network that a round trains, and which channels of the dense network its streams have."""

    model: keras.Model
    streams: Streams

    @property
    def hints(self) -> list[Hint]:
        """Return hints to leave in every stream what the dense network leaves there."""
        ends = stream_ends(self.model)
        return [Hint(ends[name], tuple(channels)) for name, channels in self.streams.items()]


class _PruningRounds:
    """Prunes and fine-tunes by turns; the folder of a round holds its first network and its checkpoints."""

    def __init__(
        self,
        source: Source,
        architecture: ResNetV2,
        images: PixelSets,
        config: TrainingConfig,
        pruning: ChannelPruning,
        workdir: Path,
    ) -> None:
        self._source, self._architecture, self._images = source, architecture, images
        self._config, self._pruning, self._workdir = config, pruning, workdir

    def prune(self, say: Callable[[str], None]) -> keras.Model:
        """Run all rounds; returns the float32 model."""
        whole = self._source.model
        streams = {group.name: list(range(group.num_channels)) for group in channel_groups(whole) if group.is_stream}
        start = _RoundStart(whole, streams)
        num_rounds = self._pruning.rounds
        dense_macs, macs = macs_of(whole), self._macs()
        for number in range(1, num_rounds + 1):
            folder = self._workdir / f"round-{number}"
            folder.mkdir(exist_ok=True)
            start = self._begin(folder, start, dense_macs * macs ** (number / num_rounds), number == num_rounds)
            architecture = self._architecture_of(start.model)
            say(f"round {number} of {num_rounds}: streams {architecture.streams}, within blocks {architecture.inner}")
            epochs = self._pruning.epochs if number == num_rounds else self._pruning.round_epochs
            trained = self._fine_tune(start, folder, replace(self._config, epochs=epochs))
            start = replace(start, model=trained)
        return start.model

    def _macs(self) -> float:
        """Return the budget as a part of the multiply-accumulates; one of time is measured once and kept in a file."""
        if self._pruning.latency is None:
            return self._pruning.macs or DEFAULT_MACS
        kept = self._workdir / "budget.json"
        if not kept.exists():
            batches = self._batches(NUM_IMPORTANCE_BATCHES)
            macs = macs_for_latency(
                self._source.model, self._architecture, batches, self._pruning, self._pruning.latency
            )
            write_json(kept, {"macs": macs})
        return float(json.loads(kept.read_text())["macs"])

    def _begin(self, folder: Path, before: _RoundStart, max_macs: float, is_last: bool) -> _RoundStart:
        """Prune, unless that was done before the run was stopped."""
        kept = folder / "streams.json"
        if not (folder / "model.keras").exists():
            model, latency = before.model, self._pruning.latency
            batches = self._batches(NUM_IMPORTANCE_BATCHES)
            request = (model, self._architecture_of(model), batches, self._pruning, max_macs)
            narrower, plan = (
                within_latency(*request, latency=latency, whole=self._source.model)
                if is_last and latency is not None
                else without_least_important(*request)
            )
            reestimate_batch_norms(narrower, (pixels for pixels, _ in self._batches(NUM_STATISTICS_BATCHES)))
            write_json(kept, {name: [old[new] for new in plan.kept[name]] for name, old in before.streams.items()})
            save_model(folder, narrower)
        return _RoundStart(load_model(folder), json.loads(kept.read_text()))

    def _fine_tune(self, start: _RoundStart, folder: Path, config: TrainingConfig) -> keras.Model:
        """Train in the run's precision; returns a float32 model."""
        keras.utils.set_random_seed(config.seed)
        architecture, pruning = self._architecture_of(start.model), self._pruning
        with building_in(config.precision):
            student = rebuilt(architecture, start.model)
            distillation = self._source.distillation(
                pruning.teacher_weight, pruning.temperature, hints=start.hints, hint_weight=pruning.hint_weight
            )
            trained = fit(student, self._images, config=config, workdir=folder, distillation=distillation)
        return rebuilt(architecture, trained)

    def _batches(self, num_batches: int) -> Iterator[Batch]:
        return drawn_batches(self._images, num_batches, seed=self._config.seed)

    def _architecture_of(self, model: keras.Model) -> ResNetV2:
        return as_built(self._architecture, model)
