"""Trains all layers in the time that is left, which is reckoned anew: machines are slower under load than measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import tf_keras as keras

from training.dataset import Dataset
from training.pixel_sets import pixel_sets
from training.run import Run, read_json, write_json
from training.transfer.fine_tuning import fine_tuned
from training.transfer.time_budget import Plan, epochs_in_time
from training.transfer.validation_score import ValidationScore

EPOCHS_FILE = "epochs.json"


def fine_tuned_in_time(
    model: keras.Model,
    data: Dataset,
    run: Run,
    plan: Plan,
    *,
    score: ValidationScore,
    workdir: Path,
    deadline_s: float,
    end_s: float,
    say: Callable[[str], None],
) -> keras.Model | None:
    """Train all layers for as many epochs as there is time for; None where there is none, or where it is worse.

    Args:
        model: from normalized pixels to logits, with a fitted head.
        data: the photos.
        run: the run.
        plan: what was reckoned before.
        score: of the model.
        workdir: the run's folder, which keeps the number of epochs: a run that goes on has the same.
        deadline_s: of the whole training, on the monotonic clock.
        end_s: when the last epoch is to end.
        say: called with a line on the result.
    """

    def num_epochs() -> int:
        return epochs_left(plan, run, data, workdir=workdir, deadline_s=deadline_s, end_s=end_s)

    images = pixel_sets(data, run.config, workdir) if num_epochs() else None
    epochs = num_epochs()  # decoding took its time, too
    if images is None or not epochs:
        say("this machine is slower than when the time was reckoned: none is left for all layers")
        return None
    write_json(workdir / EPOCHS_FILE, {"epochs": epochs})
    config = replace(run.config, epochs=epochs)
    return fine_tuned(model, images, config=config, score=score, workdir=workdir, deadline_s=end_s, say=say)


def epochs_left(plan: Plan, run: Run, data: Dataset, *, workdir: Path, deadline_s: float, end_s: float) -> int:
    """Return the epochs that there is time for, or those that the run has begun with."""
    file = workdir / EPOCHS_FILE
    if file.exists():
        return int(read_json(file)["epochs"])
    if (workdir / "checkpoints").exists():  # of a run from before there was such a file
        return plan.epochs
    now_s = time.monotonic()
    elapsed_s = 60 * run.config.minutes - (deadline_s - now_s)
    return epochs_in_time(plan, run.config, data, elapsed_s=elapsed_s, end_s=end_s - now_s)
