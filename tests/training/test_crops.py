import io

import numpy as np
import pytest
from PIL import Image

from models.pixels.preprocessing import PixelSpec, preprocess
from training.crops import as_served, cut, decode_whole, random_boxes
from training.pixel_store import PixelStore, write_pixels


def photo(width: int, height: int, *, seed: int = 0, orientation: int = 1) -> bytes:
    """A JPEG whose spectrum falls as that of photos does, 1/f."""
    rng = np.random.default_rng(seed)
    frequencies = np.hypot(*np.meshgrid(np.fft.fftfreq(height), np.fft.rfftfreq(width), indexing="ij"))
    spectrum = rng.normal(size=(2, *frequencies.shape)) / np.maximum(frequencies, 1 / width)
    grey = np.fft.irfft2(spectrum[0] + 1j * spectrum[1], (height, width))
    pixels = np.clip(128 + 50 * grey / grey.std(), 0, 255).astype(np.uint8)
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).convert("RGB").save(buffer, "JPEG", quality=95, exif=exif)
    return buffer.getvalue()


def energy(pixels: np.ndarray) -> float:
    """Mean squared difference of neighbours."""
    values = pixels.astype(float)
    return float((np.diff(values, axis=-3) ** 2).mean() + (np.diff(values, axis=-2) ** 2).mean())


def test_crops_have_the_detail_of_what_is_served(tmp_path):
    photos = [photo(640, 480, seed=seed) for seed in range(12)]
    write_pixels(tmp_path / "train", 12, lambda index: decode_whole(photos[index], 112))
    store = PixelStore(tmp_path / "train")
    boxes = random_boxes(store.sizes, 0.35, np.random.default_rng(0))
    crops = np.stack([cut(store, index, box, 64) for index, box in enumerate(boxes)])
    served = np.stack([preprocess(each, PixelSpec(64, 64, crop_fraction=0.875)) for each in photos])
    assert energy(crops) / energy(served) > 0.9


@pytest.mark.parametrize(
    ("size", "orientation", "expected"),
    [
        ((640, 480), 1, (96, 128)),
        ((480, 640), 1, (128, 96)),
        ((640, 480), 6, (128, 96)),
        ((900, 300), 1, (96, 192)),  # at most twice as long as high
        ((64, 40), 1, (40, 64)),  # never enlarged
    ],
)
def test_whole_photos_are_kept_upright_with_a_short_side_that_is_given(size, orientation, expected):
    assert decode_whole(photo(*size, orientation=orientation), 96).shape == (*expected, 3)


def test_boxes_are_of_any_area_from_the_least_on_lie_anywhere_and_are_nearly_square():
    sizes = np.tile(np.array([[300, 400], [400, 300], [300, 600]], np.int32), (300, 1))
    boxes = np.array(random_boxes(sizes, 0.25, np.random.default_rng(0)))
    left, top, right, bottom = boxes.T
    heights, widths = sizes.T
    assert min(left.min(), top.min()) >= 0
    assert (right <= widths).all()
    assert (bottom <= heights).all()
    ratios = (right - left) / (bottom - top)
    assert 0.75 <= ratios.min() < 0.77
    assert 1.3 < ratios.max() <= 1.334
    areas = (right - left) * (bottom - top) / (heights * widths)
    assert 0.249 < areas[heights < 2 * widths].min() < 0.27
    assert areas.max() > 0.95
    across = (left / np.maximum(widths - (right - left), 1))[right - left < 0.8 * widths]
    assert across.min() < 0.02
    assert across.max() > 0.98


def test_a_crop_is_its_part_of_the_photo_whether_stored_or_in_memory(tmp_path):
    image = np.stack([*np.indices((60, 80), dtype=np.uint8), np.zeros((60, 80), np.uint8)], axis=-1)
    write_pixels(tmp_path / "train", 1, lambda _: image)
    box = random_boxes(np.array([[60, 80]]), 0.35, np.random.default_rng(1))[0]
    shown = cut(PixelStore(tmp_path / "train"), 0, box, 16)
    np.testing.assert_array_equal(shown, cut(image[None], 0, box, 16))
    step = (box.bottom - box.top) / 16
    np.testing.assert_allclose(shown[:, 8, 0], box.top + step * (np.arange(16) + 0.5) - 0.5, atol=1)


def test_what_is_served_is_the_centre():
    image = np.random.default_rng(0).integers(0, 256, (1, 32, 48, 3), np.uint8)
    served = as_served(image, np.array([0]), PixelSpec(16, 16, crop_fraction=0.5))
    np.testing.assert_array_equal(served, image[:, 8:24, 16:32])
