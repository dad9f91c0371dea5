import base64
import io
import re

import numpy as np
import pytest
from pictures import encode, gradient, with_orientation
from PIL import Image

from training.dataset import Split
from training.report.thumbnails import SIDE_PX, Thumbnails


def split(*photos: bytes) -> Split:
    return Split(np.zeros(len(photos), np.int64), lambda index: photos[index])


def pictures(css: str) -> dict[str, Image.Image]:
    found = re.findall(r"\.([\w-]+) \{ background-image: url\(data:image/webp;base64,([\w+/=]+)\) \}", css)
    assert len(found) == css.count("{")
    return {name: Image.open(io.BytesIO(base64.b64decode(text))) for name, text in found}


def css(*photos: bytes, **limits: int) -> str:
    thumbnails, photo_set = Thumbnails(**limits), split(*photos)
    for index in range(len(photos)):
        thumbnails.style_of("test", photo_set, index)
    return thumbnails.css()


def shown(*photos: bytes, **limits: int) -> dict[str, Image.Image]:
    return pictures(css(*photos, **limits))


PHOTO = encode(gradient(200, 300), "JPEG")


def test_the_whole_photo_is_shown_small():
    [(name, picture)] = shown(PHOTO).items()
    assert (name, picture.size) == ("photo-test-0", (SIDE_PX, 96))
    small = np.asarray(gradient(200, 300).resize((SIDE_PX, 96)), np.float64)
    assert np.abs(np.asarray(picture.convert("RGB")) - small).mean() < 4


def test_a_photo_is_upright():
    turned = encode(gradient(200, 300), "JPEG", exif=with_orientation(6))
    assert shown(turned)["photo-test-0"].size == (96, SIDE_PX)


@pytest.mark.parametrize("photo", [b"", b"no photo", PHOTO[:200]])
def test_a_photo_that_cannot_be_read_any_more_has_no_picture(photo):
    assert list(shown(photo, PHOTO)) == ["photo-test-1"]


def test_a_file_that_is_gone_has_no_picture():
    def read(_):
        raise FileNotFoundError

    thumbnails = Thumbnails()
    thumbnails.style_of("test", Split(np.zeros(1, np.int64), read), 0)
    assert thumbnails.css() == ""


def test_a_photo_is_in_the_page_once():
    thumbnails, photos = Thumbnails(), split(PHOTO, PHOTO)
    styles = [
        thumbnails.style_of(part, photos, index) for part, index in (("test", 0), ("test", 1), ("test", 0), ("x", 0))
    ]
    assert styles == ["photo-test-0", "photo-test-1", "photo-test-0", "photo-x-0"]
    assert list(pictures(thumbnails.css())) == ["photo-test-0", "photo-test-1", "photo-x-0"]


def test_pictures_end_at_their_number():
    thumbnails, photos = Thumbnails(max_photos=1), split(PHOTO, PHOTO)
    assert [thumbnails.style_of("test", photos, index) for index in (0, 1, 0)] == ["photo-test-0", "", "photo-test-0"]
    assert list(pictures(thumbnails.css())) == ["photo-test-0"]


def test_pictures_end_at_their_bytes():
    [url] = re.findall(r"data:[^)]+", css(PHOTO))
    assert list(shown(PHOTO, PHOTO, PHOTO, max_bytes=2 * len(url))) == ["photo-test-0", "photo-test-1"]
    assert list(shown(PHOTO, PHOTO, max_bytes=2 * len(url) - 1)) == ["photo-test-0"]
