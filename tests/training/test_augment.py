import numpy as np
import pytest
import tensorflow as tf

from training.augment import augment, shrink
from training.config import Augmentation

SEED = tf.constant([3, 5], tf.int64)
IMAGES = np.random.default_rng(0).integers(0, 256, (64, 16, 16, 3), np.uint8)
IS_MIRRORED = np.arange(64) % 3 == 0


def augmented(augmentation: Augmentation, images: np.ndarray = IMAGES, *, size_px: int = 16, seed=SEED) -> np.ndarray:
    is_mirrored = tf.constant(IS_MIRRORED[: len(images)])
    return augment(tf.constant(images), augmentation, size_px=size_px, is_mirrored=is_mirrored, seed=seed).numpy()


@pytest.mark.parametrize("crop", ["none", "shift"])
@pytest.mark.parametrize("fill", ["grey", "image"])
def test_the_seed_alone_decides(crop, fill):
    augmentation = Augmentation(crop=crop, cutout_px=4, cutout_fill=fill)
    np.testing.assert_array_equal(augmented(augmentation), augmented(augmentation))
    other = augmented(augmentation, seed=tf.constant([3, 6], tf.int64))
    assert (augmented(augmentation) != other).any()


def test_nothing_asked_for_is_nothing_done():
    np.testing.assert_array_equal(augmented(Augmentation(crop="none", flip=False)), IMAGES)


def test_flip_mirrors_the_images_whose_turn_it_is_and_leaves_the_rest():
    result = augmented(Augmentation(crop="none", flip=True))
    np.testing.assert_array_equal(result[IS_MIRRORED], IMAGES[IS_MIRRORED][:, :, ::-1])
    np.testing.assert_array_equal(result[~IS_MIRRORED], IMAGES[~IS_MIRRORED])


def test_shift_is_a_window_of_the_mirrored_image():
    result = augmented(Augmentation(crop="shift", shift_px=2, flip=False))
    padded = np.pad(IMAGES, [(0, 0), (2, 2), (2, 2), (0, 0)], mode="reflect")
    windows = [(y, x) for y in range(5) for x in range(5)]
    found = set()
    for image, source in zip(result, padded, strict=True):
        matches = [(y, x) for y, x in windows if (source[y : y + 16, x : x + 16] == image).all()]
        assert len(matches) == 1
        found.update(matches)
    assert {y for y, _ in found} == {x for _, x in found} == set(range(5))  # the first and the last pixel, too


def test_cutout_greys_at_most_one_square():
    white = np.full((64, 16, 16, 3), 255, np.uint8)
    result = augmented(Augmentation(crop="none", flip=False, cutout_px=6), white)
    num_grey = (result == 128).all(axis=-1).sum(axis=(1, 2))
    assert num_grey.max() == 36
    assert ((result == 255) | (result == 128)).all()


def test_cutout_shows_the_same_place_of_other_images_of_the_batch():
    place = np.stack(np.indices((64, 16, 16), dtype=np.uint8), axis=-1)  # which image, row, column
    shown = augmented(Augmentation(crop="none", flip=False, cutout_px=6, cutout_fill="image"), place)
    np.testing.assert_array_equal(shown[..., 1:], place[..., 1:])
    own = place[..., 0]
    is_covered = shown[..., 0] != own
    others = [np.unique(image[covered]) for image, covered in zip(shown[..., 0], is_covered, strict=True)]
    assert {len(other) for other in others} == {0, 1}  # some were drawn themselves
    assert len(np.unique(np.concatenate(others))) > 32
    assert is_covered.sum(axis=(1, 2)).max() == 36


def test_erasing_covers_a_box_of_some_images_with_noise():
    white = np.full((64, 20, 20, 3), 255, np.uint8)
    result = augmented(Augmentation(crop="none", flip=False, erasing=0.5), white, size_px=20)
    is_covered = (result != 255).any(axis=-1)
    areas = is_covered.mean(axis=(1, 2))
    assert 0.3 < (areas > 0).mean() < 0.7
    assert 0 < areas[areas > 0].min() < 0.1 < 0.3 < areas.max() < 0.5
    for image in is_covered[areas > 0]:
        rows, columns = image.any(axis=1), image.any(axis=0)
        assert image[rows][:, columns].mean() > 0.95  # one box
    assert len(np.unique(result)) > 200


def test_every_image_is_erased_where_that_is_sure():
    result = augmented(Augmentation(crop="none", flip=False, erasing=1.0))
    assert (result != IMAGES).any(axis=(1, 2, 3)).all()


def test_rand_augment_is_applied_where_it_is_asked_for():
    assert (augmented(Augmentation(crop="none", flip=False, rand_magnitude=9)) != IMAGES).any()


def test_shrunk_pixels_are_the_means_of_what_they_cover():
    halved = shrink(tf.constant(IMAGES), 8).numpy().astype(float)
    means = IMAGES.reshape(64, 8, 2, 8, 2, 3).mean(axis=(2, 4))
    assert np.abs(halved - means).max() <= 0.5


def test_shrinking_to_three_quarters_keeps_plain_images_plain():
    assert (shrink(tf.fill([2, 16, 16, 3], tf.constant(77, tf.uint8)), 12).numpy() == 77).all()
