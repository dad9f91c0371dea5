"""The seed fixes which images are drawn, and statistics follow these."""

from __future__ import annotations

import numpy as np
import pytest

from models.network.resnet_v2 import ResNetV2, build
from models.pixels.preprocessing import PixelSpec
from optimize.training_sample import BATCH_SIZE, drawn_batches, reestimate_batch_norms
from training.pixel_sets import PixelSets
from training.pixel_store import PixelStore, write_pixels

pytestmark = pytest.mark.usefixtures("eager_module")

TARGETS = np.arange(300)
PIXELS = np.broadcast_to(TARGETS[:, None, None, None] % 256, (300, 2, 2, 3)).astype(np.uint8)
IMAGES = PixelSets(PIXELS, TARGETS, PIXELS[:0], TARGETS[:0])


def test_images_come_with_their_targets_and_none_twice_in_a_batch() -> None:
    for pixels, targets in drawn_batches(IMAGES, 3, seed=1):
        assert len(set(targets)) == BATCH_SIZE
        assert np.array_equal(pixels[:, 0, 0, 0], targets % 256)


def test_seed_says_what_is_drawn() -> None:
    first, again, other = (
        np.concatenate([targets for _, targets in drawn_batches(IMAGES, 2, seed=seed)]) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_fewer_images_than_a_batch_come_all() -> None:
    few = PixelSets(PIXELS[:5], TARGETS[:5], PIXELS[:0], TARGETS[:0])
    assert [list(targets) for _, targets in drawn_batches(few, 2, seed=0)] == [[0, 1, 2, 3, 4]] * 2


def test_image_is_the_centre_of_the_photo_that_crops_are_cut_from(tmp_path) -> None:
    photos = [
        np.arange(6 * 9 * 3, dtype=np.uint8).reshape(6, 9, 3),
        np.arange(6 * 6 * 3, dtype=np.uint8).reshape(6, 6, 3),
    ]
    write_pixels(tmp_path / "train", 2, photos.__getitem__)
    spec = PixelSpec(4, 4, crop_fraction=4 / 6)
    images = PixelSets(PixelStore(tmp_path / "train"), TARGETS[:2], PIXELS[:0], TARGETS[:0], spec)
    [(pixels, _)] = drawn_batches(images, 1, seed=0)
    assert np.array_equal(pixels[1], photos[1][1:5, 1:5])
    assert np.abs(pixels[0].astype(int) - photos[0][1:5, 2:6]).max() <= 2  # half a pixel to the right


def test_statistics_are_estimated_anew_and_nothing_else() -> None:
    model = build(ResNetV2.of("8", width=8))
    before = {weight.name: weight.numpy() for weight in model.weights}
    reestimate_batch_norms(model, [np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), np.uint8)] * 60)
    stem = model.get_layer("conv2_block1_preact_bn")
    assert not np.allclose(stem.moving_variance, 1.0)
    for weight in model.trainable_weights:
        assert np.array_equal(weight.numpy(), before[weight.name])
