"""Take the steps of a training beside its chief, which alone evaluates, saves, and decides when it ends."""

from __future__ import annotations

import numpy as np
import tf_keras as keras

from training.config import TrainingConfig
from training.distributed.workers import Workers
from training.feed import steps_per_call
from training.pixel_sets import PixelSets
from training.progress import Progress
from training.schedule import Schedule
from training.step import TrainingStep


def follow(model: keras.Model, images: PixelSets, *, config: TrainingConfig, workers: Workers) -> None:
    """Take the steps that the chief takes, from the same weights on, as `training.loop.fit` does there.

    Raises:
        WorkerLost: another machine has ended.
    """
    schedule = Schedule(config, images, model.output_shape[-1], workers)
    with workers.scope():
        state = TrainingStep.of(model, config, workers=workers)
    start = state.hand_out()
    progress = Progress(num_steps=schedule.num_steps, batch_size=schedule.batch_size, work=schedule.work)
    for feed, steps in schedule.calls(start, at_once=steps_per_call()):
        if steps.start % schedule.steps_per_epoch == 0:
            [ends] = workers.told_by_chief([np.array(False)])
            if ends:
                return
        result = state.take(feed, steps, [schedule.lr(step) for step in steps])
        progress.advance(steps.stop, lambda: f"loss {np.ravel(result.loss)[-1]:.3f}", num_steps=len(steps))  # noqa: B023
