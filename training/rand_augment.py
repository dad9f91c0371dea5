"""RandAugment (arXiv:1909.13719): two operations for each image, drawn from a list, all of one strength.

The paper's list without equalize and sharpness, on a whole batch at once.
"""

from __future__ import annotations

import math

import tensorflow as tf

from training.rows import Rows, drawn_for

NUM_OPERATIONS = 2
MAX_MAGNITUDE = 10
KINDS = (
    "identity", "rotate", "shear_x", "shear_y", "translate_x", "translate_y",
    "brightness", "contrast", "colour", "posterize", "solarize", "autocontrast",
)  # fmt: skip
MAX_ANGLE, MAX_SHEAR, MAX_TRANSLATION = math.radians(30), 0.3, 0.3  # at the highest magnitude; a part of the side
MAX_BLEND, MAX_LOST_BITS = 0.9, 4.0
GREY = 128.0


def rand_augment(pixels: tf.Tensor, magnitude: int, seed: tf.Tensor, rows: Rows | None = None) -> tf.Tensor:
    """Apply `NUM_OPERATIONS` random operations to each image, uint8 [N, h, w, 3]; magnitude is 1 to `MAX_MAGNITUDE`."""
    images = tf.cast(pixels, tf.float32)
    for number in range(NUM_OPERATIONS):
        number_seed = tf.random.experimental.stateless_fold_in(seed, number)
        draws = drawn_for(rows, pixels, [2, None], number_seed)
        kind = tf.cast(draws[0] * len(KINDS), tf.int32)
        strength = tf.sign(draws[1] - 0.5) * magnitude / MAX_MAGNITUDE
        images = recoloured(moved(images, kind, strength), kind, strength)
    return tf.cast(tf.round(tf.clip_by_value(images, 0.0, 255.0)), pixels.dtype)


def moved(images: tf.Tensor, kind: tf.Tensor, strength: tf.Tensor) -> tf.Tensor:
    """Turn, shear or shift about the centre; what comes in from outside is grey."""

    def amount(name: str, most: float) -> tf.Tensor:
        return tf.where(kind == KINDS.index(name), most * strength, 0.0)

    height, width = float(images.shape[1]), float(images.shape[2])
    angle = amount("rotate", MAX_ANGLE)
    # Of the output's coordinates x and y, where the pixel is in the input: [a x + b y + c, d x + e y + f].
    a, b = tf.cos(angle), amount("shear_x", MAX_SHEAR) - tf.sin(angle)
    d, e = amount("shear_y", MAX_SHEAR) + tf.sin(angle), tf.cos(angle)
    x, y = (width - 1) / 2, (height - 1) / 2
    c = x - a * x - b * y + amount("translate_x", MAX_TRANSLATION) * width
    f = y - d * x - e * y + amount("translate_y", MAX_TRANSLATION) * height
    zero = tf.zeros_like(a)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images - GREY,
        transforms=tf.stack([a, b, c, d, e, f, zero, zero], axis=1),
        output_shape=tf.shape(images)[1:3],
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    ) + GREY  # fmt: skip


def recoloured(images: tf.Tensor, kind: tf.Tensor, strength: tf.Tensor) -> tf.Tensor:
    """Change brightness, contrast or colours; places stay."""

    def of(name: str) -> tf.Tensor:
        return (kind == KINDS.index(name))[:, None, None, None]

    grey = tf.image.rgb_to_grayscale(images)
    factor = 1.0 + MAX_BLEND * strength[:, None, None, None]
    mean = tf.reduce_mean(grey, axis=[1, 2, 3], keepdims=True)
    step = tf.round(2.0 ** (MAX_LOST_BITS * tf.abs(strength)))[:, None, None, None]
    limit = 256.0 * (1.0 - tf.abs(strength))[:, None, None, None]
    low, high = (reduce(images, axis=[1, 2], keepdims=True) for reduce in (tf.reduce_min, tf.reduce_max))
    changed = tf.where(of("brightness"), images * factor, images)
    changed = tf.where(of("contrast"), mean + (images - mean) * factor, changed)
    changed = tf.where(of("colour"), grey + (images - grey) * factor, changed)
    changed = tf.where(of("posterize"), tf.floor(images / step) * step, changed)
    changed = tf.where(of("solarize") & (images >= limit), 255.0 - images, changed)
    changed = tf.where(of("autocontrast"), (images - low) * 255.0 / tf.maximum(high - low, 1.0), changed)
    return tf.clip_by_value(changed, 0.0, 255.0)
