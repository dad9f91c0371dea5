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
    num_images = len(targets)
    batch_size = min(batch_size, num_images)
    steps_per_epoch = num_steps_per_epoch(num_images, batch_size)
    is_cut = augmentation.crop == "resized"
    begins_mirrored = np.random.default_rng(seed).integers(2, size=num_images)

    @lru_cache(maxsize=2)
    def order(epoch: int) -> Targets:
        return np.random.default_rng((seed, epoch)).permutation(num_images)

    def crops(step: int, indices: npt.NDArray[np.int64]) -> Pixels:
        rng = np.random.default_rng((seed, step, CROPS))
        boxes = random_boxes(sizes_of(pixels, indices), augmentation.min_area, rng)
        return np.stack([cut(pixels, index, box, image_px) for index, box in zip(indices, boxes, strict=True)])

    def gather(step: np.int64) -> tuple[Pixels, Targets | SoftTargets, npt.NDArray[np.bool_]]:
        epoch, batch = divmod(int(step), steps_per_epoch)
        # Sorted, so that a file is read in one direction; order within a batch does not matter.
        indices = np.sort(order(epoch)[batch * batch_size : (batch + 1) * batch_size])
        chosen = crops(int(step), indices) if is_cut else pixels[indices]
        return chosen, targets[indices], (begins_mirrored[indices] + epoch) % 2 == 1

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
