"""Make training batches that depend on the step alone, so that a resumed run sees the same ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from models.runtime.cores import available_cores
from training.augment import augment, needs_whole_batch, shrink
from training.config import Augmentation
from training.crops import cut, random_boxes, sizes_of
from training.dataset import Pixels, SoftTargets, Targets
from training.mixing import mix
from training.pixel_store import PixelStore
from training.rows import Rows

CROPS = 1  # of the random numbers of a step, those of its crops


def num_steps_per_epoch(num_images: int, batch_size: int) -> int:
    """Count the whole batches in an epoch; the images that are left over are others in each epoch."""
    return max(1, num_images // batch_size)


@dataclass(frozen=True, eq=False)
class Batches:
    """A shuffled and augmented batch for each step of a training, or the rows of it that one worker makes.

    Attributes:
        pixels: uint8 [N, H, W, 3]; for crops that are "resized", of any sizes.
        targets: int64 [N]; or the part of each class, float32 [N, num_classes].
        augmentation: how images are varied.
        image_px: side of the augmented images.
        batch_size: images a step; if there are fewer images, a step has all of them.
        seed: of order and augmentation.
        num_classes: of the data; needed where the augmentation mixes images.
        part: which worker this is, and of how many; each makes as many rows.
    """

    pixels: Pixels | PixelStore
    targets: Targets | SoftTargets
    augmentation: Augmentation
    image_px: int
    batch_size: int
    seed: int
    num_classes: int = 0
    part: tuple[int, int] = (0, 1)
    rows: Rows = field(init=False)
    _gather: _Gather = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", Rows.part(*self.part, min(self.batch_size, len(self.targets))))
        object.__setattr__(self, "_gather", _Gather(self))

    def made(self, steps: range, side_px: int | None = None) -> tf.data.Dataset:
        """Make the rows of each step here.

        Args:
            steps: counted from the beginning of the training.
            side_px: side that images are scaled down to at last; None for none.

        Returns:
            (uint8 [num, side, side, 3], int64 [num]), one element a step. Where images are mixed, the targets are the
            part that each class has, float32 [num, num_classes], as they are where they were given so.
        """
        is_cut = self.augmentation.crop == "resized"
        size = (self.image_px, self.image_px, 3) if is_cut else self.pixels.shape[1:]
        num = self.gathered(self.rows).num

        def load(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            kinds = [tf.uint8, tf.as_dtype(self.targets.dtype), tf.bool]
            pixels, targets, is_mirrored = tf.numpy_function(self._gather, [step], kinds, stateful=False)
            pixels.set_shape([num, *size])
            targets.set_shape([num, *self.targets.shape[1:]])
            is_mirrored.set_shape([num])
            return self.varied(pixels, targets, is_mirrored, step, rows=self.rows, side_px=side_px)

        num_at_once = max(2, available_cores())  # a GPU takes batches faster than one core makes them
        numbers = tf.data.Dataset.range(steps.start, steps.stop)
        return numbers.map(load, num_parallel_calls=num_at_once).prefetch(num_at_once)

    def picks(self, steps: range) -> tf.data.Dataset:
        """Say which images each step has, for `gathered_on_device`: of the whole batch, whoever makes which rows."""

        def pick(step: tf.Tensor) -> tuple[tf.Tensor, ...]:
            kinds = [tf.int64, tf.as_dtype(self.targets.dtype), tf.bool]
            indices, targets, is_mirrored = tf.numpy_function(self._gather.pick, [step], kinds, stateful=False)
            indices.set_shape([self.rows.num_all])
            targets.set_shape([self.rows.num_all, *self.targets.shape[1:]])
            is_mirrored.set_shape([self.rows.num_all])
            return indices, targets, is_mirrored, step

        numbers = tf.data.Dataset.range(steps.start, steps.stop)
        return numbers.map(pick, num_parallel_calls=2).prefetch(2 * max(2, available_cores()))

    def gathered(self, rows: Rows) -> Rows:
        """Return the rows whose images are needed to make some rows."""
        return Rows(0, rows.num_all, rows.num_all) if needs_whole_batch(self.augmentation) else rows

    def varied(
        self,
        pixels: tf.Tensor,
        targets: tf.Tensor,
        is_mirrored: tf.Tensor,
        step: tf.Tensor,
        *,
        rows: Rows,
        side_px: int | None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Augment the images of `gathered(rows)`, and return these rows and their targets."""
        seed = tf.stack([tf.cast(self.seed, tf.int64), step])
        here = self.gathered(rows)
        found = augment(pixels, self.augmentation, size_px=self.image_px, is_mirrored=is_mirrored, seed=seed, rows=here)
        if self.augmentation.is_mixed:
            mix_seed = tf.random.experimental.stateless_fold_in(seed, 4)
            found, targets = mix(found, targets, self.augmentation, num_classes=self.num_classes, seed=mix_seed)
        if here is not rows:
            found, targets = rows.of(found), rows.of(targets)
        return found if side_px is None else shrink(found, side_px), targets


class _Gather:
    """Gathers the images of a step, cut where crops are "resized", their targets, and which are mirrored."""

    def __init__(self, batches: Batches) -> None:
        num_images, seed, num_all = len(batches.targets), batches.seed, batches.rows.num_all
        self._batches, self._num_all, self._here = batches, num_all, batches.gathered(batches.rows).here
        self._steps_per_epoch = num_steps_per_epoch(num_images, num_all)
        self._begins_mirrored = np.random.default_rng(seed).integers(2, size=num_images)
        self._order = lru_cache(maxsize=2)(lambda epoch: np.random.default_rng((seed, epoch)).permutation(num_images))

    def __call__(self, step: np.int64) -> tuple[Pixels, Targets | SoftTargets, npt.NDArray[np.bool_]]:
        """Return the images of a step that are needed here, their targets, and which are mirrored."""
        indices, targets, is_mirrored = self.pick(step)
        if self._batches.augmentation.crop == "resized":
            pixels = self._crops(int(step), indices)
        else:
            pixels = self._batches.pixels[indices[self._here]]
        return pixels, targets[self._here], is_mirrored[self._here]

    def pick(self, step: np.int64) -> tuple[npt.NDArray[np.int64], Targets | SoftTargets, npt.NDArray[np.bool_]]:
        """Return the images of the whole batch of a step, by index, their targets, and which are mirrored."""
        epoch, batch = divmod(int(step), self._steps_per_epoch)
        # Sorted, so that a file is read in one direction; order within a batch does not matter.
        indices = np.sort(self._order(epoch)[batch * self._num_all : (batch + 1) * self._num_all])
        return indices, self._batches.targets[indices], (self._begins_mirrored[indices] + epoch) % 2 == 1

    def _crops(self, step: int, indices: npt.NDArray[np.int64]) -> Pixels:
        """Cut images in boxes that are drawn for a step, those of all its rows."""
        pixels, size_px = self._batches.pixels, self._batches.image_px
        rng = np.random.default_rng((self._batches.seed, step, CROPS))
        boxes = random_boxes(sizes_of(pixels, indices), self._batches.augmentation.min_area, rng)
        here = zip(indices[self._here], boxes[self._here], strict=True)
        return np.stack([cut(pixels, index, box, size_px) for index, box in here])
