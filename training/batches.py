"""Make training batches that depend on the step alone, so that a resumed run sees the same ones."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from models.runtime.cores import available_cores
from training.augment import augment, shrink
from training.config import Augmentation
from training.crops import cut, random_boxes, sizes_of
from training.dataset import Pixels, SoftTargets, Targets
from training.mixing import mix
from training.pixel_store import PixelStore

CROPS = 1  # of the random numbers of a step, those of its crops


def num_steps_per_epoch(num_images: int, batch_size: int) -> int:
    """Count the whole batches in an epoch; the images that are left over are others in each epoch."""
    return max(1, num_images // batch_size)


def training_batches(
    pixels: Pixels | PixelStore,
    targets: Targets | SoftTargets,
    *,
    augmentation: Augmentation,
    image_px: int,
    side_px: int | None = None,
    batch_size: int,
    seed: int,
    steps: range,
    num_classes: int = 0,
) -> tf.data.Dataset:
    """Make a shuffled and augmented batch for each of the given steps.

    Args:
        pixels: uint8 [N, H, W, 3]; for crops that are "resized", of any sizes.
        targets: int64 [N]; or the part of each class, float32 [N, num_classes].
        augmentation: how images are varied.
        image_px: side of the augmented images.
        side_px: side that they are then scaled down to; None for none.
        batch_size: images a step.
        seed: of order and augmentation.
        steps: counted from the beginning of the training.
        num_classes: of the data; needed where the augmentation mixes images.

    Returns:
        A data set of (uint8 [batch_size, side, side, 3], int64 [batch_size]), one element a step; if there are fewer
        images than `batch_size`, an element has all of them. Where images are mixed, the targets are the part that each
        class has, float32 [batch_size, num_classes], as they are where they were given so.
    """
    batch_size = min(batch_size, len(targets))
    gather = _Gather(pixels, targets, augmentation, image_px, batch_size, seed)
    is_cut = augmentation.crop == "resized"

    def load(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        kinds = [tf.uint8, tf.as_dtype(targets.dtype), tf.bool]
        batch_pixels, batch_targets, is_mirrored = tf.numpy_function(gather, [step], kinds, stateful=False)
        batch_pixels.set_shape([batch_size, *((image_px, image_px, 3) if is_cut else pixels.shape[1:])])
        batch_targets.set_shape([batch_size, *targets.shape[1:]])
        is_mirrored.set_shape([batch_size])
        step_seed = tf.stack([tf.cast(seed, tf.int64), step])
        augmented = augment(batch_pixels, augmentation, size_px=image_px, is_mirrored=is_mirrored, seed=step_seed)
        if augmentation.is_mixed:
            mix_seed = tf.random.experimental.stateless_fold_in(step_seed, 4)
            augmented, batch_targets = mix(
                augmented, batch_targets, augmentation, num_classes=num_classes, seed=mix_seed
            )
        return augmented if side_px is None else shrink(augmented, side_px), batch_targets

    num_at_once = max(2, available_cores())  # a GPU takes batches faster than one core makes them
    return (
        tf.data.Dataset.range(steps.start, steps.stop).map(load, num_parallel_calls=num_at_once).prefetch(num_at_once)
    )


class _Gather:
    """Gathers the images of a step, cut where crops are "resized", their targets, and which are mirrored."""

    def __init__(
        self,
        pixels: Pixels | PixelStore,
        targets: Targets | SoftTargets,
        augmentation: Augmentation,
        image_px: int,
        batch_size: int,
        seed: int,
    ) -> None:
        num_images = len(targets)
        self._pixels, self._targets, self._augmentation = pixels, targets, augmentation
        self._image_px, self._batch_size, self._seed = image_px, batch_size, seed
        self._steps_per_epoch = num_steps_per_epoch(num_images, batch_size)
        self._begins_mirrored = np.random.default_rng(seed).integers(2, size=num_images)
        self._order = lru_cache(maxsize=2)(lambda epoch: np.random.default_rng((seed, epoch)).permutation(num_images))

    def __call__(self, step: np.int64) -> tuple[Pixels, Targets | SoftTargets, npt.NDArray[np.bool_]]:
        epoch, batch = divmod(int(step), self._steps_per_epoch)
        # Sorted, so that a file is read in one direction; order within a batch does not matter.
        indices = np.sort(self._order(epoch)[batch * self._batch_size : (batch + 1) * self._batch_size])
        chosen = self.crops(int(step), indices) if self._augmentation.crop == "resized" else self._pixels[indices]
        return chosen, self._targets[indices], (self._begins_mirrored[indices] + epoch) % 2 == 1

    def crops(self, step: int, indices: npt.NDArray[np.int64]) -> Pixels:
        """Cut images in boxes that are drawn for a step."""
        rng = np.random.default_rng((self._seed, step, CROPS))
        boxes = random_boxes(sizes_of(self._pixels, indices), self._augmentation.min_area, rng)
        return np.stack(
            [cut(self._pixels, index, box, self._image_px) for index, box in zip(indices, boxes, strict=True)]
        )
