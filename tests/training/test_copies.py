import numpy as np
import pytest
from PIL import Image, ImageEnhance
from scenes import jpeg, scene

from models.pixels.preprocessing import PixelSpec, preprocess
from training.copies import THUMBNAIL_PX, find_copies


def thumbnails(*photos: bytes) -> np.ndarray:
    return np.stack([preprocess(photo, PixelSpec(THUMBNAIL_PX, THUMBNAIL_PX, fit="stretch")) for photo in photos])


CHANGES = {
    "saved again": lambda image: jpeg(image, 20),
    "smaller": lambda image: jpeg(image.resize((60, 60))),
    "squeezed": lambda image: jpeg(image.resize((90, 120))),
    "brighter": lambda image: jpeg(ImageEnhance.Brightness(image).enhance(1.15)),
    "cut": lambda image: jpeg(image.crop((2, 2, 118, 118))),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_one_picture_changed_a_little_is_a_copy_and_others_are_not(change):
    photos = [*(jpeg(scene(seed)) for seed in range(30)), *(change(scene(seed)) for seed in range(5))]
    copies = find_copies([str(index) for index in range(35)], thumbnails(*photos))
    np.testing.assert_array_equal(copies.group, [*range(30), *range(5)])
    assert copies.num_alike == 0


def test_equal_bytes_are_copies_whatever_they_show():
    flat = np.zeros((4, THUMBNAIL_PX, THUMBNAIL_PX, 3), np.uint8)
    np.testing.assert_array_equal(find_copies(["a", "b", "a", "c"], flat).group, [0, 1, 0, 3])
    assert find_copies([], flat[:0]).group.tolist() == []


def test_copies_of_copies_are_one_group():
    copies = [jpeg(scene(0), quality) for quality in (90, 60, 30)]
    photos = [copies[2], jpeg(scene(1)), copies[0], copies[1], copies[0]]
    group = find_copies(["a", "b", "c", "d", "c"], thumbnails(*photos)).group
    np.testing.assert_array_equal(group, [0, 1, 0, 0, 0])


def test_photos_of_one_scene_before_one_camera_are_no_copies():
    rng = np.random.default_rng(0)
    base = np.asarray(scene(0)).astype(np.int16)
    photos = [
        Image.fromarray(np.clip(base + rng.integers(-6, 7, base.shape), 0, 255).astype(np.uint8)) for _ in range(30)
    ]
    copies = find_copies([str(index) for index in range(30)], thumbnails(*map(jpeg, photos)))
    np.testing.assert_array_equal(copies.group, np.arange(30))
    assert copies.num_alike == 30


def test_strokes_that_coarse_cells_cannot_tell_make_different_pictures():
    base = thumbnails(jpeg(scene(0)))[0] // 2 + 64
    strokes = np.tile(np.array([30, 0, -30]), THUMBNAIL_PX // 3)[:, None]  # three pixels are a cell of the coarse grid
    photos = np.stack([base + strokes, base - strokes]).astype(np.uint8)
    np.testing.assert_array_equal(find_copies(["a", "b"], photos).group, [0, 1])
    np.testing.assert_array_equal(find_copies(["a", "b"], np.stack([photos[0], photos[0] + 2])).group, [0, 0])
