import numpy as np
import pytest
import tensorflow as tf

from training.config import Augmentation
from training.mixing import mix

pytestmark = pytest.mark.usefixtures("eager")

# Image i is all 10 i, of class i.
TARGETS = np.arange(12)
IMAGES = np.broadcast_to((10 * TARGETS)[:, None, None, None], (12, 16, 20, 3)).astype(np.uint8)


def mixed(seed: int, **options: float) -> tuple[np.ndarray, np.ndarray]:
    augmentation = Augmentation(**options)
    pixels, parts = mix(
        tf.constant(IMAGES), tf.constant(TARGETS), augmentation, num_classes=12, seed=tf.constant([0, seed], tf.int64)
    )
    return pixels.numpy(), parts.numpy()


@pytest.mark.parametrize("options", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0}])
def test_labels_have_the_part_that_their_pixels_have(options):
    shares = []
    for seed in range(20):
        pixels, parts = mixed(seed, **options)
        np.testing.assert_allclose(parts.sum(axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(pixels.mean(axis=(1, 2, 3)), parts @ (10 * TARGETS), atol=0.51)
        shares.append(parts[np.arange(12), TARGETS].min())
    assert min(shares) < 0.4
    assert max(shares) > 0.6


def test_mixup_blends_and_cutmix_cuts():
    assert len(np.unique(mixed(1, mixup=1.0)[0][5])) == 1
    pixels, _ = mixed(1, cutmix=1.0)
    assert set(np.unique(pixels)) <= set(10 * TARGETS)
    assert max(len(np.unique(image)) for image in pixels) == 2


def test_the_seed_alone_decides_also_which_of_the_two_it_is():
    for one, other in zip(mixed(3, mixup=0.4, cutmix=1.0), mixed(3, mixup=0.4, cutmix=1.0), strict=True):
        np.testing.assert_array_equal(one, other)
    is_cut = {bool(np.isin(mixed(seed, mixup=1.0, cutmix=1.0)[0], 10 * TARGETS).all()) for seed in range(8)}
    assert is_cut == {True, False}
