"""Shift, mirror, recolour and cover a whole batch at random; every draw is a function of the seed."""

from __future__ import annotations

import math

import tensorflow as tf

from training.config import Augmentation, Fill
from training.rand_augment import rand_augment
from training.rows import Rows, drawn_for

# Of random erasing, arXiv:1708.04896, section 5.2.
MIN_ERASED, MAX_ERASED, MAX_ERASED_ASPECT = 0.02, 0.4, 1 / 0.3


def augment(
    pixels: tf.Tensor,
    augmentation: Augmentation,
    *,
    size_px: int,
    is_mirrored: tf.Tensor,
    seed: tf.Tensor,
    rows: Rows | None = None,
) -> tf.Tensor:
    """Augment uint8 [N, size_px, size_px, 3], or the same numbers as floats.

    Args:
        pixels: the batch; crops that are "resized" have been cut already, by `training.crops`.
        augmentation: the settings.
        size_px: side of the images.
        is_mirrored: bool [N], images to mirror if `augmentation.flip` is set.
        seed: int [2]; the same seed gives the same result.
        rows: those of the batch that `pixels` has; None for all. Where `needs_whole_batch` says so, it is all.
    """
    crop_seed, cutout_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    if augmentation.crop == "shift":
        pixels = _shift(pixels, augmentation.shift_px, crop_seed, rows)
    if augmentation.flip:
        pixels = tf.where(is_mirrored[:, None, None, None], tf.reverse(pixels, axis=[2]), pixels)
    if augmentation.rand_magnitude:
        rand_seed = tf.random.experimental.stateless_fold_in(seed, 2)
        pixels = rand_augment(pixels, augmentation.rand_magnitude, rand_seed, rows)
    if augmentation.erasing:
        pixels = _erase(pixels, augmentation.erasing, tf.random.experimental.stateless_fold_in(seed, 3), rows)
    if augmentation.cutout_px:
        pixels = _cutout(pixels, augmentation.cutout_px, augmentation.cutout_fill, cutout_seed, rows)
    return tf.ensure_shape(pixels, [None, size_px, size_px, 3])


def needs_whole_batch(augmentation: Augmentation) -> bool:
    """Tell if images are varied by others of their batch, so that none can be made without them."""
    return augmentation.is_mixed or bool(augmentation.cutout_px and augmentation.cutout_fill == "image")


def shrink(pixels: tf.Tensor, side_px: int) -> tf.Tensor:
    """Scale uint8 [N, h, w, 3] down to uint8 [N, side_px, side_px, 3], every pixel the mean of the area it covers."""
    return tf.cast(tf.round(tf.image.resize(pixels, [side_px, side_px], method="area")), tf.uint8)


def _shift(pixels: tf.Tensor, shift_px: int, seed: tf.Tensor, rows: Rows | None) -> tf.Tensor:
    height, width = pixels.shape[1], pixels.shape[2]
    border = [shift_px, shift_px]
    padded = tf.pad(pixels, [[0, 0], border, border, [0, 0]], mode="REFLECT")
    offsets = drawn_for(rows, pixels, [2, None, 1], seed, maxval=2 * shift_px + 1, dtype=tf.int32)
    lines = tf.gather(padded, offsets[0] + tf.range(height), axis=1, batch_dims=1)
    return tf.gather(lines, offsets[1] + tf.range(width), axis=2, batch_dims=1)


def _erase(pixels: tf.Tensor, probability: float, seed: tf.Tensor, rows: Rows | None) -> tf.Tensor:
    height, width = pixels.shape[1], pixels.shape[2]
    box_seed, noise_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    draws = drawn_for(rows, pixels, [5, None, 1], box_seed)
    area = (MIN_ERASED + (MAX_ERASED - MIN_ERASED) * draws[0]) * height * width
    aspect = tf.exp((2.0 * draws[1] - 1.0) * math.log(MAX_ERASED_ASPECT))
    tall, wide = tf.minimum(tf.sqrt(area * aspect), height), tf.minimum(tf.sqrt(area / aspect), width)
    in_rows = _is_within(tall / 2 + draws[2] * (height - tall), height, tall)[:, :, None, None]
    in_columns = _is_within(wide / 2 + draws[3] * (width - wide), width, wide)[:, None, :, None]
    is_erased = (draws[4] < probability)[:, :, None, None]
    noise = drawn_for(rows, pixels, [None, *pixels.shape[1:]], noise_seed, maxval=256, dtype=tf.int32)
    return tf.where(in_rows & in_columns & is_erased, tf.cast(noise, pixels.dtype), pixels)


def _cutout(pixels: tf.Tensor, side_px: int, fill: Fill, seed: tf.Tensor, rows: Rows | None) -> tf.Tensor:
    num_images, height, width = tf.shape(pixels)[0], pixels.shape[1], pixels.shape[2]
    draws = drawn_for(rows, pixels, [2, None, 1], seed)
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
