import io
import warnings

import numpy as np
import pytest
from pictures import encode, gradient, with_orientation
from PIL import Image

from models.errors import ImageTooLarge
from models.pixels.preprocessing import PixelSpec, preprocess
from training.photo import is_served, photos_allowed, scaled_to_serve, upright_size


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_size_is_that_of_the_photo_as_it_is_looked_at(image_format):
    photo = encode(gradient(20, 30), image_format, exif=with_orientation(6))
    assert upright_size(photo) == (20, 30)
    assert upright_size(encode(gradient(20, 30), image_format)) == (30, 20)


def test_a_photo_that_a_server_refuses_is_scaled_to_one_that_it_takes(monkeypatch):
    monkeypatch.setattr("training.photo.MAX_TARGET_PX", 64)
    photo = encode(gradient(100, 150), "JPEG", quality=95, exif=with_orientation(6))
    scaled = scaled_to_serve(photo, 250_000_000)
    assert upright_size(scaled) == (43, 64)
    spec = PixelSpec(16, 16)
    assert np.abs(preprocess(scaled, spec).astype(int) - preprocess(photo, spec)).max() <= 4


def test_only_what_is_large_is_scaled():
    assert is_served(b"x", (10_000, 5_000))
    assert not is_served(b"x", (10_000, 5_001))
    assert not is_served(bytes(20 * 1024**2 + 1), (10, 10))


def test_pillow_neither_warns_nor_forgets_its_limit():
    before = Image.MAX_IMAGE_PIXELS
    wide = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(wide, "PNG")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert upright_size(scaled_to_serve(wide.getvalue(), 100_000_000)) == (4096, 4096)
    assert before == Image.MAX_IMAGE_PIXELS
    with photos_allowed(99_999_999) as limits, pytest.raises(ImageTooLarge, match="at most 99,999,999 are accepted"):
        preprocess(wide.getvalue(), PixelSpec(8, 8), limits=limits)
