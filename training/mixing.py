"""Mix two images and their labels: mixup (arXiv:1710.09412), and CutMix (arXiv:1905.04899)."""

from __future__ import annotations

import tensorflow as tf

from training.config import Augmentation

EPSILON = 1e-7  # both draws of a small alpha may be 0


def mix(
    pixels: tf.Tensor, targets: tf.Tensor, augmentation: Augmentation, *, num_classes: int, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Mix each image of a batch with another of it.

    Args:
        pixels: uint8 [N, h, w, 3].
        targets: int64 [N]; or the part of each class already, float32 [N, num_classes].
        augmentation: with `mixup` or `cutmix`; where both are set, a coin decides for each batch.
        num_classes: of the data.
        seed: int [2]; the same seed gives the same result.

    Returns:
        uint8 [N, h, w, 3], and the part that each class has in each image, float32 [N, num_classes].
    """
    coin_seed, order_seed, part_seed, box_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 4))
    # Shuffled, as a batch may come in the order of its classes.
    others = tf.random.experimental.stateless_shuffle(tf.range(tf.shape(pixels)[0]), order_seed)
    heads = float(augmentation.mixup > 0) / (float(augmentation.mixup > 0) + float(augmentation.cutmix > 0))
    is_mixup = tf.random.stateless_uniform([], coin_seed) < heads
    part = draw_part(tf.where(is_mixup, augmentation.mixup, augmentation.cutmix), part_seed)
    box, part_outside = draw_box(part, pixels.shape[1], pixels.shape[2], box_seed)
    other = tf.gather(pixels, others)
    blended = part * tf.cast(pixels, tf.float32) + (1.0 - part) * tf.cast(other, tf.float32)
    mixed = tf.where(is_mixup, tf.cast(tf.round(blended), pixels.dtype), tf.where(box, other, pixels))
    part = tf.where(is_mixup, part, part_outside)
    classes = tf.one_hot(targets, num_classes) if targets.dtype.is_integer else targets
    return mixed, part * classes + (1.0 - part) * tf.gather(classes, others)


def draw_part(alpha: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Draw one number in [0, 1] from Beta(alpha, alpha), as the quotient of two of Gamma(alpha)."""
    first, second = tf.unstack(tf.random.stateless_gamma([2], seed, alpha))
    return first / tf.maximum(first + second, EPSILON)


def draw_box(part_outside: tf.Tensor, height: int, width: int, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Draw the box that another image fills, bool [1, h, w, 1], and what is left outside once it is cut at the edge."""
    side = tf.sqrt(1.0 - part_outside)
    centre = tf.random.stateless_uniform([2], seed)
    rows, columns = (
        tf.abs((tf.range(length, dtype=tf.float32) + 0.5) / length - middle) <= side / 2
        for length, middle in zip((height, width), tf.unstack(centre), strict=True)
    )
    box = rows[None, :, None, None] & columns[None, None, :, None]
    return box, 1.0 - tf.reduce_mean(tf.cast(box, tf.float32))
