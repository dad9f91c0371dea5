"""Learn from a network that was trained before: its head first, then all layers, if validation says that it helps."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tf_keras as keras

from training.config import TrainingConfig
from training.dataset import Dataset, Split, Targets
from training.loop import fit
from training.pixel_sets import PixelSets
from training.progress import Progress
from training.transfer.features import BATCH_SIZE, features_of, logits_of
from training.transfer.head import Features, Head, fit_head
from training.transfer.time_budget import Plan, fewer_for_head
from training.transfer.validation_score import FineTuned, ValidationScore


def fitted_head(
    model: keras.Model, data: Dataset, config: TrainingConfig, plan: Plan, *, workdir: Path, deadline_s: float
) -> tuple[Head, ValidationScore, int]:
    """Fit a head on the features of training images, which are kept in `workdir/features/`.

    Args:
        model: from normalized pixels to logits.
        data: the images.
        config: the settings.
        plan: says how many training images to learn from, drawn at random if they are not all; fewer, where the
            validation images take longer than it has reckoned with.
        workdir: the run's folder.
        deadline_s: of the whole training, on the monotonic clock.

    Returns:
        The head, what it is worth, and how many training images it has learned from.
    """
    folder, done_s = workdir / "features", [time.monotonic()]

    def features(name: str, split: Split) -> Features:
        progress = Progress(num_steps=-(-len(split) // BATCH_SIZE), batch_size=BATCH_SIZE)
        done_s.clear()

        def advance() -> None:
            done_s.append(time.monotonic())
            progress.advance(len(done_s), lambda: f"features of {name} images")

        found = features_of(model, split, config.pixels, folder / f"{name}.npy", advance=advance)
        progress.end()
        return found

    validation = features("validation", data.validation), data.validation.targets
    if (folder / "train.npy").exists():  # a run that goes on
        num_images = len(np.load(folder / "train.npy", mmap_mode="r"))
    else:
        # The first batch traces the network.
        photo_s = (done_s[-1] - done_s[0]) / (len(done_s) - 1) / BATCH_SIZE if len(done_s) > 2 else 0.0
        left_s = deadline_s - time.monotonic()
        num_images = fewer_for_head(plan, photo_s=photo_s, left_s=left_s, at_least=config.batch_size)
    drawn = drawn_for_head(data, config, num_images)
    head = fit_head(
        features("train", data.train.subset(drawn)),
        data.train.targets[drawn],
        num_classes=len(data.labels),
        validation=validation,
        groups=data.train.groups[drawn] if len(data.train.groups) else None,
        seed=config.seed,
    )
    return head, ValidationScore.of(head.logits(validation[0]), validation[1]), num_images


def drawn_for_head(data: Dataset, config: TrainingConfig, num_images: int) -> Targets:
    """Draw the training images that a head learns from: their indices, int64 [M], sorted."""
    return np.sort(np.random.default_rng((config.seed, 2)).permutation(len(data.train))[:num_images])


def fine_tuned(
    model: keras.Model,
    images: PixelSets,
    *,
    config: TrainingConfig,
    score: ValidationScore,
    workdir: Path,
    deadline_s: float,
    say: Callable[[str], None],
) -> keras.Model | None:
    """Train all layers of a network, and return the one with them; None, and the weights as before, if it is worse.

    Args:
        model: from normalized pixels to logits, with a fitted head.
        images: of the data.
        config: the settings, with the number of epochs.
        score: of the model.
        workdir: the run's folder.
        deadline_s: on the monotonic clock; no epoch is begun that would end later.
        say: called with a line on the result.
    """
    before = model.get_weights()
    tuned = fit(model, images, config=config, workdir=workdir, max_s=max(0.0, deadline_s - time.monotonic()))
    after = ValidationScore.of(logits_of(tuned, images.validation), images.validation_targets)
    found = FineTuned(score, after)
    found.save(workdir)
    say(str(found))
    if not found.is_kept:
        model.set_weights(before)
        return None
    return tuned
