"""JPEG decoded directly gives what Pillow gives for the opened file."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from pictures import encode, gradient, noise
from PIL import Image

from models.errors import CorruptImage
from models.pixels.formats import jpeg
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


@pytest.mark.parametrize(("bits", "num_components"), [(12, 3), (8, 2), (8, 0), (8, 5)])
def test_frame_that_nothing_decodes_is_refused_by_what_it_says(bits: int, num_components: int) -> None:
    upload = bytearray(encode(gradient(16, 16), "JPEG"))
    frame = upload.index(b"\xff\xc0")
    struct.pack_into(">B", upload, frame + 4, bits)
    struct.pack_into(">B", upload, frame + 9, num_components)
    with pytest.raises(CorruptImage, match=f"{num_components} components of {bits} bits"):
        preprocess(bytes(upload), PixelSpec(32, 32))
