"""JPEG decoded directly gives what Pillow gives for the opened file."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from pictures import encode, gradient, lossless_jpeg, noise
from PIL import Image

from models.errors import CorruptImage, UnsupportedImage
from models.pixels.formats import jpeg, jpeg_scans
from models.pixels.preprocessing import PixelSpec, preprocess

OPTIONS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "without subsampling": {"subsampling": 0},
    "restart markers": {"restart_marker_rows": 1},
}


def opened(upload: bytes, reduction: int) -> Image.Image:
    with Image.open(BytesIO(upload)) as image:
        image.draft(None, (image.width // reduction, image.height // reduction))
        image.load()
        return image


@pytest.mark.parametrize("reduction", [1, *jpeg.REDUCTIONS])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_decoding_equals_pillow_opening_the_file(options: dict[str, Any], mode: str, reduction: int) -> None:
    for size in [(64, 64), (75, 133), (8, 250)]:
        upload = encode(gradient(*size).convert(mode), "JPEG", **options)
        expected = opened(upload, reduction)
        decoded = jpeg.decode(jpeg.read(upload), reduction)
        assert decoded.mode == expected.mode == mode
        assert np.array_equal(np.asarray(decoded), np.asarray(expected))


def test_picture_that_ends_too_early_is_called_truncated() -> None:
    upload = encode(gradient(64, 64), "JPEG")
    with pytest.raises(CorruptImage, match="truncated"):
        preprocess(upload[: len(upload) * 3 // 4], PixelSpec(32, 32))


SAMSUNG_TRAILER = b"\0\0\x01\n\x0e\0\0\0Image_UTC_Data1500000000000SEFHe\0\0\0\xff\x17ab\xff\xc0\0\x11\x18\0\0\0SEFT"


@pytest.mark.parametrize("reduction", [1, *jpeg.REDUCTIONS])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"restart_marker_rows": 1}], ids=["plain", "restart markers"])
@pytest.mark.parametrize("after", [b"", b"\xff", SAMSUNG_TRAILER], ids=["nothing", "half a marker", "trailer"])
def test_picture_that_is_whole_needs_no_end_marker(
    after: bytes, options: dict[str, Any], mode: str, reduction: int
) -> None:
    upload = encode(gradient(75, 133).convert(mode), "JPEG", **options)
    assert upload.endswith(b"\xff\xd9")
    decoded = jpeg.decode(jpeg.read(upload[:-2] + after), reduction)
    assert np.array_equal(np.asarray(decoded), np.asarray(opened(upload, reduction)))


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_picture_that_lacks_a_byte_is_not_whole(options: dict[str, Any]) -> None:
    noisy = encode(Image.fromarray(noise(40, 56)), "JPEG", **options)
    for num_missing in (3, 4, 5, 10, 60, 300, 600):
        with pytest.raises(CorruptImage):
            preprocess(noisy[:-num_missing], PixelSpec(40, 56))


def with_frame(bits: int, num_components: int, marker: int = 0xC0) -> bytes:
    upload = bytearray(encode(gradient(16, 16), "JPEG"))
    frame = upload.index(b"\xff\xc0")
    upload[frame + 1], upload[frame + 4], upload[frame + 9] = marker, bits, num_components
    return bytes(upload)


@pytest.mark.parametrize(("bits", "num_components"), [(12, 3), (16, 4), (8, 2)])
def test_frame_that_nothing_decodes_is_not_called_corrupt(bits: int, num_components: int) -> None:
    with pytest.raises(
        UnsupportedImage, match=f"has {num_components} components of {bits} bits, which is not accepted"
    ):
        preprocess(with_frame(bits, num_components), PixelSpec(32, 32))


@pytest.mark.parametrize(
    ("marker", "what"), [(0xC5, "hierarchical"), (0xCB, "lossless in arithmetic code"), (0xF7, "JPEG-LS")]
)
def test_coding_that_nothing_decodes_is_not_called_corrupt(marker: int, what: str) -> None:
    with pytest.raises(UnsupportedImage, match=f"the JPEG image is {what}, which is not accepted"):
        preprocess(with_frame(8, 3, marker), PixelSpec(32, 32))


@pytest.mark.parametrize(("bits", "num_components"), [(7, 3), (8, 0), (8, 5)])
def test_frame_that_cannot_be_is_corrupt(bits: int, num_components: int) -> None:
    with pytest.raises(CorruptImage, match=f"{num_components} components of {bits} bits"):
        preprocess(with_frame(bits, num_components), PixelSpec(32, 32))


def test_fill_bytes_before_a_marker_are_stepped_over_up_to_a_megabyte() -> None:
    photo = encode(gradient(16, 16), "JPEG")
    filled = photo[:2] + b"\xff" * (2**20 - 10) + photo[2:]
    assert np.array_equal(preprocess(filled, PixelSpec(16, 16)), preprocess(photo, PixelSpec(16, 16)))
    with pytest.raises(CorruptImage, match="more than 1048576 bytes between its segments"):
        preprocess(photo[:2] + b"\xff" * (2**20 + 10) + photo[2:], PixelSpec(16, 16))


@pytest.mark.parametrize("num_bytes", range(7))
def test_marker_is_found_where_one_search_ends_and_the_next_begins(
    num_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jpeg_scans, "_SEARCHED_BYTES", 3)
    found = jpeg_scans.find_marker(re.compile(rb"\xff\xd9"), bytes(num_bytes) + b"\xff\xd9", 0, num_bytes + 2)
    assert found is not None
    assert found.span() == (num_bytes, num_bytes + 2)
    assert jpeg_scans.find_marker(re.compile(rb"\xff\xd9"), bytes(num_bytes) + b"\xff\xd9", 0, num_bytes + 1) is None


@pytest.mark.parametrize("side_px", [64, 32, 8])
def test_lossless_picture_is_decoded_at_its_full_size(side_px: int) -> None:
    pixels = preprocess(lossless_jpeg(64, 64), PixelSpec(side_px, side_px))
    assert np.unique(pixels[:, : side_px // 2 - 1]) == [200]
    assert np.unique(pixels[:, side_px // 2 + 1 :]) == [72]
