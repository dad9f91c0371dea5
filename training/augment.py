"""Shift, mirror, recolour and cover a whole batch at random; every draw is a function of the seed."""

from __future__ import annotations

import math

import tensorflow as tf

from training.config import Augmentation, Fill
from training.rand_augment import rand_augment

# Of random erasing, arXiv:1708.04896, section 5.2.
MIN_ERASED, MAX_ERASED, MAX_ERASED_ASPECT = 0.02, 0.4, 1 / 0.3


def augment(
    pixels: tf.Tensor, augmentation: Augmentation, *, size_px: int, is_mirrored: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    """Augment uint8 [N, size_px, size_px, 3].

    Args:
        pixels: the batch; crops that are "resized" have been cut already, by `training.crops`.
        augmentation: the settings.
        size_px: side of the images.
        is_mirrored: bool [N], images to mirror if `augmentation.flip` is set.
        seed: int [2]; the same seed gives the same result.
    """
    crop_seed, cutout_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    if augmentation.crop == "shift":
        pixels = _shift(pixels, augmentation.shift_px, crop_seed)
    if augmentation.flip:
        pixels = tf.where(is_mirrored[:, None, None, None], tf.reverse(pixels, axis=[2]), pixels)
    if augmentation.rand_magnitude:
        pixels = rand_augment(pixels, augmentation.rand_magnitude, tf.random.experimental.stateless_fold_in(seed, 2))
    if augmentation.erasing:
        pixels = _erase(pixels, augmentation.erasing, tf.random.experimental.stateless_fold_in(seed, 3))
    if augmentation.cutout_px:
        pixels = _cutout(pixels, augmentation.cutout_px, augmentation.cutout_fill, cutout_seed)
    return tf.ensure_shape(pixels, [None, size_px, size_px, 3])


def shrink(pixels: tf.Tensor, side_px: int) -> tf.Tensor:
    """Scale uint8 [N, h, w, 3] down to uint8 [N, side_px, side_px, 3], every pixel the mean of the area it covers."""
    return tf.cast(tf.round(tf.image.resize(pixels, [side_px, side_px], method="area")), tf.uint8)


def _shift(pixels: tf.Tensor, shift_px: int, seed: tf.Tensor) -> tf.Tensor:
    num_images, height, width = tf.shape(pixels)[0], pixels.shape[1], pixels.shape[2]
    border = [shift_px, shift_px]
    padded = tf.pad(pixels, [[0, 0], border, border, [0, 0]], mode="REFLECT")
    offsets = tf.random.stateless_uniform([2, num_images, 1], seed, maxval=2 * shift_px + 1, dtype=tf.int32)
    rows = tf.gather(padded, offsets[0] + tf.range(height), axis=1, batch_dims=1)
    return tf.gather(rows, offsets[1] + tf.range(width), axis=2, batch_dims=1)


def _erase(pixels: tf.Tensor, probability: float, seed: tf.Tensor) -> tf.Tensor:
    num_images, height, width = tf.shape(pixels)[0], pixels.shape[1], pixels.shape[2]
    box_seed, noise_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    draws = tf.random.stateless_uniform([5, num_images, 1], box_seed)
    area = (MIN_ERASED + (MAX_ERASED - MIN_ERASED) * draws[0]) * height * width
    aspect = tf.exp((2.0 * draws[1] - 1.0) * math.log(MAX_ERASED_ASPECT))
    rows, columns = tf.minimum(tf.sqrt(area * aspect), height), tf.minimum(tf.sqrt(area / aspect), width)
    in_rows = _is_within(rows / 2 + draws[2] * (height - rows), height, rows)[:, :, None, None]
    in_columns = _is_within(columns / 2 + draws[3] * (width - columns), width, columns)[:, None, :, None]
    is_erased = (draws[4] < probability)[:, :, None, None]
    noise = tf.random.stateless_uniform(tf.shape(pixels), noise_seed, maxval=256, dtype=tf.int32)
    return tf.where(in_rows & in_columns & is_erased, tf.cast(noise, tf.uint8), pixels)


def _cutout(pixels: tf.Tensor, side_px: int, fill: Fill, seed: tf.Tensor) -> tf.Tensor:
    num_images, height, width = tf.shape(pixels)[0], pixels.shape[1], pixels.shape[2]
    draws = tf.random.stateless_uniform([2, num_images, 1], seed)
    in_rows = _is_within(draws[0] * height, height, side_px)[:, :, None, None]
    in_columns = _is_within(draws[1] * width, width, side_px)[:, None, :, None]
    if fill == "grey":
        filling = tf.constant(128, pixels.dtype)
    else:
        # Shuffled, as a batch may come in the order of its classes.
        order_seed = tf.random.experimental.stateless_fold_in(seed, 1)
        filling = tf.gather(pixels, tf.random.experimental.stateless_shuffle(tf.range(num_images), order_seed))
    return tf.where(in_rows & in_columns, filling, pixels)


def _is_within(centre: tf.Tensor, length: int, side_px: int | tf.Tensor) -> tf.Tensor:
    positions = tf.range(length, dtype=tf.float32)[None, :]
    return tf.abs(positions + 0.5 - centre) <= side_px / 2
