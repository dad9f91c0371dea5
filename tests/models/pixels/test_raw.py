"""Raw photos of cameras are refused by name, though many are TIFF files with a picture that could be decoded."""

import struct

import pytest
from pictures import encode, gradient, gray_tiff, tiff

from models.errors import UnsupportedImage
from models.pixels.formats.raw import SIGNATURES
from models.pixels.preprocessing import PixelSpec, preprocess

PREVIEW = {256: 2, 257: 1, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: 2}


def refusal(upload: bytes) -> str:
    with pytest.raises(UnsupportedImage) as refused:
        preprocess(upload, PixelSpec(8, 8))
    return str(refused.value)


def with_sub_directory(photometric: int, order: str) -> bytes:
    """A small picture, and below it a directory of one tag, as NEF and ARW have."""
    below = struct.pack(f"{order}HHHIHHI", 1, 262, 3, 1, photometric, 0, 0)
    pixels = b"\x10\x20" + below
    return tiff(pixels, {**PREVIEW, 330: 8 + 2}, order=order)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("photometric", [32803, 34892])
def test_a_tiff_with_samples_of_a_sensor_below_its_preview_is_a_raw_photo(photometric, order):
    said = refusal(with_sub_directory(photometric, order))
    assert said == (
        "the upload is a raw photo of a camera, which is not accepted: export it as a JPEG of full size, by the "
        "camera's program or another one that develops raw photos"
    )


@pytest.mark.parametrize("order", "<>")
def test_a_tiff_with_a_smaller_picture_below_is_an_image(order):
    assert preprocess(with_sub_directory(1, order), PixelSpec(1, 2)).shape == (1, 2, 3)


def test_samples_of_a_sensor_in_the_first_directory_are_a_raw_photo():
    assert "is a raw photo of a camera" in refusal(gray_tiff(b"\1\2", width=2, bits=8, more={262: 32803}))


def test_dng_and_cr2_are_named():
    assert "is a raw photo (DNG)" in refusal(gray_tiff(b"\1\2", width=2, bits=8, more={50706: 0x01040000}))
    assert "is a raw photo (CR2)" in refusal(tiff(b"CR\2\0", {**PREVIEW, 273: 12, 279: 2}))


@pytest.mark.parametrize(("head", "name"), [*SIGNATURES, (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "a raw photo (CR3)")])
def test_raw_photos_of_other_formats_are_named(head, name):
    assert f"the upload is {name}, which is not accepted: export it as a JPEG" in refusal(head + bytes(64))


@pytest.mark.parametrize("offsets", [0xFFFFFFF0, [5, 0xFFFFFFFF]])
def test_directories_that_lie_outside_do_not_matter(offsets):
    upload = tiff(b"\x10\x20", {**PREVIEW, 330: offsets})
    assert preprocess(upload, PixelSpec(1, 2)).shape == (1, 2, 3)


def test_an_ordinary_tiff_is_no_raw_photo():
    assert preprocess(encode(gradient(9, 8), "TIFF"), PixelSpec(9, 8)).shape == (9, 8, 3)
