"""Random crops, mirroring and cut-outs for a whole batch at once; every draw is a function of the seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tensorflow as tf

Crop = Literal["none", "shift", "resized"]
Fill = Literal["grey", "image"]


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What is done to a training batch.

    Attributes:
        crop: "shift" moves by up to `shift_px`, mirroring the border; "resized" takes a random part of the image
            (arXiv:1409.4842, section 6) with an area of `min_area` to 1 and an aspect ratio of 3/4 to 4/3.
        shift_px: for "shift".
        min_area: for "resized", a fraction in (0, 1].
        flip: mirror left to right in every other epoch, a random half of the images beginning mirrored
            (arXiv:2404.00498, section 3.6).
        cutout_px: side of a square that is covered; 0 for none.
        cutout_fill: with "grey" (arXiv:1708.04552), or with the same place of another "image" of the batch, as in
            arXiv:1905.04899. The label stays as it is: for a teacher, which says what it sees then (arXiv:2106.05237).
    """

    crop: Crop = "shift"
    shift_px: int = 4
    min_area: float = 0.35
    flip: bool = True
    cutout_px: int = 0
    cutout_fill: Fill = "grey"


def augment(
    pixels: tf.Tensor, augmentation: Augmentation, *, size_px: int, is_mirrored: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    """Augment uint8 [N, h, w, 3] into uint8 [N, size_px, size_px, 3].

    Args:
        pixels: the batch.
        augmentation: what to do.
        size_px: side of the result; "shift" and "none" need h = w = size_px.
        is_mirrored: bool [N], which images it is the turn of, where `augmentation.flip`.
        seed: int [2]; the same seed gives the same result.
    """
    crop_seed, cutout_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    if augmentation.crop == "shift":
        pixels = _shift(pixels, augmentation.shift_px, crop_seed)
    elif augmentation.crop == "resized":
        pixels = _resized_crop(pixels, augmentation.min_area, size_px, crop_seed)
    if augmentation.flip:
        pixels = tf.where(is_mirrored[:, None, None, None], tf.reverse(pixels, axis=[2]), pixels)
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


def _resized_crop(pixels: tf.Tensor, min_area: float, size_px: int, seed: tf.Tensor) -> tf.Tensor:
    num_images = tf.shape(pixels)[0]
    draws = tf.random.stateless_uniform([4, num_images], seed)
    area = min_area + (1.0 - min_area) * draws[0]
    aspect = tf.exp((2.0 * draws[1] - 1.0) * tf.math.log(4.0 / 3.0))
    height = tf.minimum(1.0, tf.sqrt(area / aspect))
    width = tf.minimum(1.0, tf.sqrt(area * aspect))
    top, left = (1.0 - height) * draws[2], (1.0 - width) * draws[3]
    boxes = tf.stack([top, left, top + height, left + width], axis=1)
    resized = tf.image.crop_and_resize(pixels, boxes, tf.range(num_images), [size_px, size_px])
    return tf.cast(tf.round(resized), tf.uint8)


def _cutout(pixels: tf.Tensor, side_px: int, fill: Fill, seed: tf.Tensor) -> tf.Tensor:
    num_images, height, width = tf.shape(pixels)[0], pixels.shape[1], pixels.shape[2]
    draws = tf.random.stateless_uniform([2, num_images, 1], seed)
    in_rows = _is_within(draws[0] * height, height, side_px)[:, :, None, None]
    in_columns = _is_within(draws[1] * width, width, side_px)[:, None, :, None]
    return tf.where(in_rows & in_columns, _filling(pixels, fill, seed), pixels)


def _filling(pixels: tf.Tensor, fill: Fill, seed: tf.Tensor) -> tf.Tensor:
    if fill == "grey":
        return tf.constant(128, pixels.dtype)
    order_seed = tf.random.experimental.stateless_fold_in(seed, 1)
    # A batch may come in the order of its classes.
    others = tf.random.experimental.stateless_shuffle(tf.range(tf.shape(pixels)[0]), order_seed)
    return tf.gather(pixels, others)


def _is_within(centre: tf.Tensor, length: int, side_px: int) -> tf.Tensor:
    positions = tf.range(length, dtype=tf.float32)[None, :]
    return tf.abs(positions + 0.5 - centre) <= side_px / 2
