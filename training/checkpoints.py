"""Keep the state of a run on disk: the last checkpoint, from which a killed run resumes, and the best one.

`tf.train.CheckpointManager` writes a checkpoint's files first and names it the latest last, so a kill in between leaves
the one before. The best one is written before the last: a run that is killed between the two goes on from before both,
and meets the best one again.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from training.step import TrainingStep


class Checkpoints:
    """Saves and restores weights, EMA, optimizer, the number of steps done, and further variables by name."""

    def __init__(self, workdir: Path, state: TrainingStep, also_saved: Mapping[str, Any]) -> None:
        """Look for checkpoints in `workdir`, which is a `models.plain_path`."""
        self._num_steps_done = state.num_steps_done
        self._best_accuracy = tf.Variable(-1.0, dtype=tf.float32, trainable=False)
        self._checkpoint = tf.train.Checkpoint(
            model=state.model,
            average=state.ema,  # its name in the checkpoints of earlier versions
            optimizer=state.optimizer,
            num_steps_done=self._num_steps_done,
            best_accuracy=self._best_accuracy,
            **also_saved,
        )
        folder = workdir / "checkpoints"
        self._last = tf.train.CheckpointManager(self._checkpoint, str(folder / "last"), max_to_keep=2)
        self._best = tf.train.CheckpointManager(self._checkpoint, str(folder / "best"), max_to_keep=1)

    def restore(self) -> int:
        """Restore the last checkpoint, if there is one, and return the number of steps done."""
        if path := self._last.latest_checkpoint:
            status = self._checkpoint.restore(path)
            if any(name.startswith("epoch_sums/") for name, _ in tf.train.list_variables(path)):
                status.assert_consumed()
            else:  # of a version that did not keep an epoch's results
                status.expect_partial()
        return int(self._num_steps_done.numpy())

    def restore_best(self) -> None:
        """Restore the best checkpoint, if there is one."""
        if self._best.latest_checkpoint:
            self._checkpoint.restore(self._best.latest_checkpoint).expect_partial()

    def drop_last(self) -> int:
        """Go back to the checkpoint before the last one; returns its number of steps, 0 where there is none."""
        *earlier, _ = self._last.checkpoints
        if not earlier:
            shutil.rmtree(self._last.directory)
            return 0
        self._checkpoint.restore(earlier[-1])
        self._last.save(checkpoint_number=self._num_steps_done)
        return int(self._num_steps_done.numpy())

    def save(self, num_steps_done: int, best_accuracy: float | None = None) -> None:
        """Write the last checkpoint; it is the best one, too, if its accuracy is given."""
        self._num_steps_done.assign(num_steps_done)
        if best_accuracy is not None:
            self._best_accuracy.assign(best_accuracy)
            self._best.save(checkpoint_number=num_steps_done)
        self._last.save(checkpoint_number=num_steps_done)
