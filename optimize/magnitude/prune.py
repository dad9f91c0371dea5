"""Zeroes weights of a finished run's model and fine-tunes it, as a run of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import tf_keras as keras

from optimize.candidate import Candidate
from optimize.magnitude.one_shot import make_zeros
from optimize.magnitude.pruning import MagnitudePruner
from optimize.published import zeros_and_gzip
from optimize.settings import MagnitudePruning
from optimize.source import Source
from optimize.training_sample import NUM_MOMENTS_BATCHES, NUM_STATISTICS_BATCHES, drawn_batches, reestimate_batch_norms
from training.architecture import building_in, rebuilt
from training.batches import num_steps_per_epoch
from training.config import TrainingConfig
from training.loop import fit
from training.pixel_sets import PixelSets, pixel_sets
from training.publish import finish_float32
from training.run import load_model, save_model


def prune_magnitude(
    source: Source, output: Path, pruning: MagnitudePruning, *, command: str = "", say: Callable[[str], None] = print
) -> Candidate:
    """Set weights to zero, fine-tune those that stay and measure the result on the full test set.

    The file compresses better for it; dense kernels run as fast as before.

    Args:
        source: the run to start from; its model is the teacher.
        output: folder of the new run; the same command goes on where it stopped, and `quantize` takes it from there.
        pruning: how.
        command: as typed, for the manifest.
        say: gets a line on what takes long before the first step.

    Raises:
        RunError: `output` holds another run.
        ValueError: the sparsity cannot be reached, or the network has no batch normalization to make zeros one-shot in.
    """
    if pruning.one_shot:
        source.require_batch_norm("--one-shot")
    config = source.without_averaging(pruning)
    compression = {"method": "magnitude", **asdict(pruning), "layer_sparsity": list(pruning.layer_sparsity)}
    compression["at_once"] = compression.pop("one_shot")  # as records on disk call it
    run = source.begin_run(output, config, compression=compression, command=command)
    images = pixel_sets(source.data, config, output)
    start = _one_shot(source, images, config, pruning, output / "start", say) if pruning.one_shot else source.model
    model = _fine_tuned(start, source, images, config, pruning, output)
    measured = finish_float32(model, run, source.data, workdir=output)
    return Candidate(source, run, output, measured, source.architecture, provenance=zeros_and_gzip(measured.file))


def _fine_tuned(
    start: keras.Model,
    source: Source,
    images: PixelSets,
    config: TrainingConfig,
    pruning: MagnitudePruning,
    workdir: Path,
) -> keras.Model:
    """Train in the run's precision; returns a float32 model."""
    num_steps = config.epochs * num_steps_per_epoch(len(source.data.train), config.batch_size)
    keras.utils.set_random_seed(config.seed)
    with building_in(config.precision):
        student = rebuilt(source.architecture, start)
        pruner = MagnitudePruner(student, pruning, num_steps=num_steps)
        fit(
            student,
            images,
            config=config,
            workdir=workdir,
            before_step=pruner.before_step,
            distillation=source.distillation(pruning.teacher_weight, pruning.temperature),
            also_saved={"masks": pruner.masks},
        )
    pruner.finish()
    return rebuilt(source.architecture, student)


def _one_shot(
    source: Source,
    images: PixelSets,
    config: TrainingConfig,
    pruning: MagnitudePruning,
    folder: Path,
    say: Callable[[str], None],
) -> keras.Model:
    """Make the model with its zeros and save it, or load the one that was saved before the run was stopped."""
    folder.mkdir(exist_ok=True)
    if not (folder / "model.keras").exists():
        say("making zeros, where the other weights can best make up for them")
        model = rebuilt(source.architecture, source.model)
        batches = (pixels for pixels, _ in drawn_batches(images, NUM_MOMENTS_BATCHES, seed=config.seed))
        make_zeros(model, pruning, batches)
        batches = (pixels for pixels, _ in drawn_batches(images, NUM_STATISTICS_BATCHES, seed=config.seed))
        reestimate_batch_norms(model, batches)
        save_model(folder, model)
    return load_model(folder)
