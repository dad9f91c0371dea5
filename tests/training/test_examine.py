import hashlib
import io

import numpy as np
import pytest
from pictures import encode, gradient

from training.examine import examine, tree_sha256
from training.file_tree import File


def file_of(path: str, content: bytes) -> File:
    return File(path, lambda: io.BytesIO(content))


def test_each_file_is_looked_at_in_order():
    jpeg, png = encode(gradient(20, 30), "JPEG"), encode(gradient(40, 50), "PNG")
    examined = examine([file_of("a.txt", jpeg), file_of("b.jpg", b"no image"), file_of("c", png)], 10_000)
    first, second, third = examined.photos
    assert second is None
    assert (first.size, third.size) == ((30, 20), (50, 40))
    assert (first.sha256, first.read()) == (hashlib.sha256(jpeg).hexdigest(), jpeg)
    assert np.abs(examined.thumbnails[0].astype(int) - examined.thumbnails[2]).mean() < 4
    assert [str(files) for files in examined.left_out] == ["1 files that are no images: b.jpg"]


def test_a_photo_of_too_many_pixels_is_left_out():
    examined = examine([file_of("a.png", encode(gradient(40, 50), "PNG"))], 1_999)
    assert str(examined.left_out[0]) == (
        "1 images of more pixels than max_image_pixels "
        "(the image has 50 x 40 pixels; at most 1,999 are accepted): a.png"
    )


def test_a_photo_that_a_server_refuses_is_read_smaller(monkeypatch):
    monkeypatch.setattr("training.examine.is_served", lambda *_: False)
    monkeypatch.setattr("training.photo.MAX_TARGET_PX", 32)
    [photo] = examine([file_of("a.png", encode(gradient(40, 50), "PNG"))], 10_000).photos
    [again] = examine([file_of("a.jpg", photo.read())], 10_000).photos
    assert (photo.size, again.size) == ((50, 40), (32, 26))


def test_a_heic_image_says_what_reads_it(monkeypatch):
    monkeypatch.setattr("models.pixels.formats.ACCEPTED_FORMATS", ("JPEG",))
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    [files] = examine([file_of("a.jpg", heic)], 10_000).left_out
    assert str(files) == "1 HEIC images, which make train HEIF=1 (or pip install pillow-heif) reads: a.jpg"


@pytest.mark.parametrize(("path", "content"), [("b.png", b"x"), ("a.png", b"y")])
def test_digest_of_a_tree_is_one_of_names_and_bytes(path, content):
    def digest(files):
        return tree_sha256([photo for photo in examine(files, 10_000).photos if photo])

    one, other = encode(gradient(9, 9), "PNG"), encode(gradient(8, 9), "PNG")
    files = [file_of("c.png", other), file_of("a.png", one)]
    changed = [file_of("c.png", other), file_of(path, one if content == b"x" else other)]
    assert digest(files) == digest(files[::-1]) != digest(changed)
