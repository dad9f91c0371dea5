import numpy as np
import pytest

from training.batches import Batches, num_steps_per_epoch
from training.config import Augmentation
from training.pixel_store import PixelStore, write_pixels

PLAIN = Augmentation(crop="none", flip=False)
# Image i is all i, so that a batch tells which images it holds.
PIXELS = np.broadcast_to(np.arange(22, dtype=np.uint8)[:, None, None, None], (22, 4, 4, 3))
TARGETS = np.arange(22) * 10


def batches(steps: range, *, augmentation: Augmentation = PLAIN, batch_size: int = 5, seed: int = 0) -> list:
    made = Batches(PIXELS, TARGETS, augmentation=augmentation, image_px=4, batch_size=batch_size, seed=seed).made(steps)
    return [(pixels.numpy(), targets.numpy()) for pixels, targets in made]


def test_an_epoch_shows_no_image_twice_and_targets_belong_to_their_images():
    assert num_steps_per_epoch(22, 5) == 4
    seen = np.concatenate([targets for _, targets in batches(range(4))])
    assert len(set(seen)) == 20
    for pixels, targets in batches(range(4)):
        np.testing.assert_array_equal(pixels[:, 0, 0, 0] * 10, targets)


def test_epochs_and_seeds_differ_in_order():
    orders = [tuple(np.concatenate([t for _, t in batches(steps, seed=seed)]))
              for steps, seed in ((range(4), 0), (range(4, 8), 0), (range(4), 1))]  # fmt: skip
    assert len(set(orders)) == 3


def test_a_resumed_run_sees_the_very_same_batches():
    augmentation = Augmentation(crop="shift", shift_px=1, cutout_px=2)
    whole = batches(range(10), augmentation=augmentation)
    resumed = batches(range(6, 10), augmentation=augmentation)
    for (pixels, targets), (pixels_again, targets_again) in zip(whole[6:], resumed, strict=True):
        np.testing.assert_array_equal(pixels, pixels_again)
        np.testing.assert_array_equal(targets, targets_again)


def test_crops_of_photos_of_any_sizes_are_the_same_again(tmp_path):
    rng = np.random.default_rng(0)
    photos = [rng.integers(0, 256, (20 + index, 40 - index, 3), np.uint8) for index in range(8)]
    write_pixels(tmp_path / "train", 8, photos.__getitem__)

    def crops(steps: range) -> list[np.ndarray]:
        store = PixelStore(tmp_path / "train")
        found = Batches(
            store, np.arange(8), augmentation=Augmentation(crop="resized"), image_px=12, batch_size=4, seed=0
        )
        return [pixels.numpy() for pixels, _ in found.made(steps)]

    whole = crops(range(6))
    assert whole[0].shape == (4, 12, 12, 3)
    for before, again in zip(whole[3:], crops(range(3, 6)), strict=True):
        np.testing.assert_array_equal(before, again)


def test_an_image_is_varied_otherwise_in_every_epoch():
    images = np.random.default_rng(0).integers(0, 256, (22, 8, 8, 3), np.uint8)
    options = {"augmentation": Augmentation(crop="shift", shift_px=2, flip=False), "image_px": 8}
    epochs = Batches(images, TARGETS, **options, batch_size=22, seed=0).made(range(2))
    first, second = (pixels.numpy()[np.argsort(targets)] for pixels, targets in epochs)
    assert (first != second).any(axis=(1, 2, 3)).mean() > 0.5


def test_fewer_images_than_a_batch_are_one_batch():
    [(pixels, _)] = batches(range(1), batch_size=100)
    assert len(pixels) == 22


def test_mixed_images_have_the_parts_of_their_classes_for_targets():
    mixup = Augmentation(crop="none", flip=False, mixup=1.0)
    mixed = Batches(PIXELS, np.arange(22), augmentation=mixup, image_px=4, batch_size=5, seed=0, num_classes=22)
    [(pixels, parts)] = mixed.made(range(1))
    np.testing.assert_allclose(pixels.numpy().mean(axis=(1, 2, 3)), parts.numpy() @ np.arange(22), atol=0.51)


def mirrored(epoch: int, *, seed: int) -> np.ndarray:
    """Which of 64 images are mirrored in an epoch, bool [64]."""
    ramp = np.broadcast_to(np.arange(4, dtype=np.uint8)[None, None, :, None], (64, 4, 4, 3))
    options = {"augmentation": Augmentation(crop="none", flip=True), "image_px": 4, "batch_size": 64}
    [(pixels, targets)] = Batches(ramp, np.arange(64), **options, seed=seed).made(range(epoch, epoch + 1))
    return pixels.numpy()[np.argsort(targets), 0, 0, 0] == 3


def test_every_image_is_mirrored_in_every_other_epoch():
    first, second, third = (mirrored(epoch, seed=0) for epoch in range(3))
    np.testing.assert_array_equal(second, ~first)
    np.testing.assert_array_equal(third, first)
    assert 16 <= first.sum() <= 48


def test_the_seed_says_which_images_begin_mirrored():
    assert (mirrored(0, seed=0) != mirrored(0, seed=1)).any()


VARIED = {
    "shift, mirror, cut out": Augmentation(crop="shift", shift_px=1, cutout_px=2),
    "RandAugment, erase": Augmentation(crop="none", rand_magnitude=5, erasing=0.5),
    "a place of another image": Augmentation(crop="none", cutout_px=2, cutout_fill="image"),
    "mixup": Augmentation(crop="none", mixup=0.4),
    "CutMix": Augmentation(crop="shift", shift_px=1, cutmix=1.0),
    "resized": Augmentation(crop="resized"),
}


@pytest.mark.parametrize("what", VARIED)
@pytest.mark.parametrize("side_px", [None, 6])
def test_a_batch_is_the_same_whoever_makes_which_rows(what, side_px):
    images = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3), np.uint8)

    def made(part: tuple[int, int]) -> list[tuple[np.ndarray, np.ndarray]]:
        options = {"augmentation": VARIED[what], "image_px": 8, "batch_size": 6, "num_classes": 3, "part": part}
        found = Batches(images, np.arange(16) % 3, seed=4, **options).made(range(3), side_px)
        return [(pixels.numpy(), targets.numpy()) for pixels, targets in found]

    parts = [made((index, 3)) for index in range(3)]
    for step, (pixels, targets) in enumerate(made((0, 1))):
        assert len(parts[0][step][0]) == 2
        np.testing.assert_array_equal(np.concatenate([part[step][0] for part in parts]), pixels)
        np.testing.assert_array_equal(np.concatenate([part[step][1] for part in parts]), targets)


def test_smaller_images_are_the_same_ones_scaled_down():
    batches = Batches(PIXELS, TARGETS, augmentation=PLAIN, image_px=4, batch_size=5, seed=0)
    [(pixels, targets)] = batches.made(range(1), side_px=3)
    assert pixels.shape == (5, 3, 3, 3)
    np.testing.assert_array_equal(pixels.numpy()[:, 2, 2, 0] * 10, targets)
