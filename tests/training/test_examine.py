import hashlib
import io

import numpy as np
import pytest
from pictures import encode, gradient, gray_tiff

from models.files.file_tree import File
from training.examine import examine, tree_sha256


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
    assert [str(files) for files in examined.left_out] == ["1 file that is no image: b.jpg"]


def test_a_photo_of_too_many_pixels_is_left_out():
    examined = examine([file_of("a.png", encode(gradient(40, 50), "PNG"))], 1_999)
    assert str(examined.left_out[0]) == (
        "1 image of more pixels than max_image_pixels (the image has 50 x 40 pixels; at most 1,999 are accepted): a.png"
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
    assert str(files) == "1 HEIC image, which make train HEIF=1 (or pip install pillow-heif) reads: a.jpg"


@pytest.mark.parametrize(("path", "content"), [("b.png", b"x"), ("a.png", b"y")])
def test_digest_of_a_tree_is_one_of_names_and_bytes(path, content):
    def digest(files):
        return tree_sha256([photo for photo in examine(files, 10_000).photos if photo])

    one, other = encode(gradient(9, 9), "PNG"), encode(gradient(8, 9), "PNG")
    files = [file_of("c.png", other), file_of("a.png", one)]
    changed = [file_of("c.png", other), file_of(path, one if content == b"x" else other)]
    assert digest(files) == digest(files[::-1]) != digest(changed)


def test_a_raw_photo_says_what_to_do():
    files = [
        file_of("a.dng", gray_tiff(b"\1\2", width=2, bits=8, more={50706: 1})),
        file_of("b.RAF", b"FUJIFILMCCD-RAW"),
    ]
    [left_out] = examine(files, 10_000).left_out
    assert str(left_out) == (
        "2 raw photos of a camera (export it as a JPEG of full size, by the camera's program or another one that "
        "develops raw photos): a.dng, b.RAF"
    )


def test_what_is_no_photo_is_named_where_it_is_known():
    files = [
        file_of("a.mp4", b"\0\0\0\x18ftypisom"),
        file_of("b.mp4", b"\0\0\0\x18ftypisom"),
        file_of("c.psd", b"8BPS"),
        file_of("d.txt", b"text"),
    ]
    assert [str(files) for files in examine(files, 10_000).left_out] == [
        "3 files of kinds that are not read (a video, a Photoshop document): a.mp4, b.mp4, c.psd",
        "1 file that is no image: d.txt",
    ]


def test_a_file_that_cannot_be_read_says_why_in_words():
    def missing():
        raise FileNotFoundError(2, "No such file or directory", "/home/ann/photos/a.jpg")

    [left_out] = examine([File("a.jpg", missing)], 10_000).left_out
    assert str(left_out) == "1 file that cannot be read (No such file or directory): a.jpg"
