"""Colours: each kind of picture that the accepted formats know, with exact values."""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import pytest
from pictures import encode, gray_tiff, png, png_chunk, tiff
from PIL import Image

from models.pixels.preprocessing import Pixels, PixelSpec, preprocess

EXTREMES_16_BIT = [0, 1, 255, 256, 4095, 4096, 32768, 65535]


def pixels_of(upload: bytes) -> Pixels:
    """The picture at its own size, so that nothing is resampled."""
    with Image.open(BytesIO(upload)) as image:
        return preprocess(upload, PixelSpec(image.height, image.width))


def row_of(upload: bytes) -> list[int]:
    """The first row of a picture that has to be gray."""
    pixels = pixels_of(upload)
    assert (pixels == pixels[..., :1]).all()
    return [int(value) for value in pixels[0, :, 0]]


@pytest.mark.parametrize("image_format", ["PNG", "BMP", "TIFF", "GIF"])
def test_palette_colours_are_exact(image_format: str) -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 1, 2, 3, 0, 0, 255])
    image.putdata([2, 1, 0])
    assert pixels_of(encode(image, image_format)).tolist() == [[[0, 0, 255], [1, 2, 3], [255, 0, 0]]]


@pytest.mark.parametrize("image_format", ["PNG", "BMP", "TIFF"])
def test_one_bit_is_black_and_white(image_format: str) -> None:
    image = Image.new("1", (3, 1))
    image.putdata([0, 255, 255])
    assert row_of(encode(image, image_format)) == [0, 255, 255]


@pytest.mark.parametrize("image_format", ["PNG", "BMP", "TIFF", "WEBP"])
def test_gray_and_rgb_are_exact(image_format: str) -> None:
    values = np.arange(256 * 3, dtype=np.uint8).reshape(16, 16, 3)
    assert (pixels_of(encode(Image.fromarray(values), image_format, lossless=True)) == values).all()
    assert (pixels_of(encode(Image.fromarray(values[..., 0]), image_format, lossless=True)) == values[..., :1]).all()


@pytest.mark.parametrize("image_format", ["PNG", "TIFF", "WEBP"])
def test_alpha_is_composed_onto_white(image_format: str) -> None:
    image = Image.new("RGBA", (3, 1))
    image.putdata([(10, 20, 30, 255), (10, 20, 30, 0), (0, 100, 200, 51)])
    upload = encode(image, image_format, lossless=True, exact=True)
    # 51 / 255 is a fifth: 0.2 * colour + 0.8 * 255.
    assert pixels_of(upload).tolist() == [[[10, 20, 30], [255, 255, 255], [204, 224, 244]]]


@pytest.mark.parametrize(
    ("pixel", "photometric", "expected"),
    [(b"\0\x14\x28\x33", 2, [204, 224, 244]), (b"\x14\x33", 1, [224] * 3)],  # colour times a fifth, and a fifth
    ids=["RGB", "gray"],
)
def test_premultiplied_alpha_is_composed_onto_white(pixel: bytes, photometric: int, expected: list[int]) -> None:
    tags = {256: 1, 257: 1, 258: [8] * len(pixel), 262: photometric, 273: 8, 277: len(pixel), 279: len(pixel), 338: 1}
    assert pixels_of(tiff(pixel, tags)).tolist() == [[expected]]


@pytest.mark.parametrize("image_format", ["PNG", "TIFF"])
def test_gray_with_alpha_is_composed_onto_white(image_format: str) -> None:
    image = Image.new("LA", (3, 1))
    image.putdata([(10, 255), (10, 0), (0, 51)])
    assert row_of(encode(image, image_format)) == [10, 255, 204]


@pytest.mark.parametrize(("image_format", "transparency"), [("PNG", 1), ("GIF", 1), ("PNG", b"\xff\x00\x33")])
def test_transparent_palette_entry_is_white(image_format: str, transparency: int | bytes) -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([10, 10, 10, 20, 20, 20, 0, 0, 0])
    image.putdata([0, 1, 2])
    faint = 204 if isinstance(transparency, bytes) else 0
    assert row_of(encode(image, image_format, transparency=transparency)) == [10, 255, faint]


@pytest.mark.parametrize(
    ("bits", "colour_type", "row", "transparency", "expected"),
    [
        (1, 0, b"\x40", b"\0\1", [0, 255]),
        (2, 0, b"\x60", b"\0\2", [85, 255]),
        (4, 0, b"\x3a", b"\0\x0a", [51, 255]),
        (8, 0, b"\x07\x08", b"\0\x08", [7, 255]),
        (16, 0, b"\x07\x08\x07\x09", b"\x07\x09", [7, 255]),
        (8, 2, b"\x07\x07\x07\x08\x08\x08", b"\0\x08\0\x08\0\x08", [7, 255]),
        (16, 2, b"\x07\x01\x07\x02\x07\x03\x08\x01\x08\x02\x08\x03", b"\x08\x01\x08\x02\x08\x03", [7, 255]),
    ],
)
def test_transparent_colour_of_a_png_is_white(
    bits: int, colour_type: int, row: bytes, transparency: bytes, expected: list[int]
) -> None:
    trns = png_chunk(b"tRNS", transparency)
    assert row_of(png(row, width=2, bits=bits, colour_type=colour_type, before=trns)) == expected


@pytest.mark.parametrize("image_format", ["PNG", "TIFF"])
def test_16_bit_gray_keeps_its_high_byte(image_format: str) -> None:
    image = Image.fromarray(np.array([EXTREMES_16_BIT], np.uint16))
    assert row_of(encode(image, image_format)) == [value >> 8 for value in EXTREMES_16_BIT]


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_tiff_of_either_byte_order_keeps_its_high_byte(order: str) -> None:
    row = np.array(EXTREMES_16_BIT, order + "u2").tobytes()
    upload = gray_tiff(row, width=len(EXTREMES_16_BIT), bits=16, order=order)
    assert row_of(upload) == [value >> 8 for value in EXTREMES_16_BIT]


def test_16_bit_colour_keeps_its_high_byte() -> None:
    assert pixels_of(png(b"\xff\xff\x80\x00\x00\xff", width=1, bits=16, colour_type=2)).tolist() == [[[255, 128, 0]]]


def test_12_bit_tiff_is_scaled_by_12_bits() -> None:
    upload = gray_tiff(b"\xff\xf0\x10", width=2, bits=12)  # 4095 and 16
    assert row_of(upload) == [255, 1]


def test_signed_16_bit_tiff_has_white_at_its_maximum_and_negatives_black() -> None:
    row = np.array([-32768, -1, 0, 128, 32767], "<i2").tobytes()
    assert row_of(gray_tiff(row, width=5, bits=16, more={339: 2})) == [0, 0, 0, 1, 255]


@pytest.mark.parametrize(("sample_format", "dtype", "white"), [(1, "<u4", 2**32 - 1), (2, "<i4", 2**31 - 1)])
def test_32_bit_tiff_keeps_its_high_byte(sample_format: int, dtype: str, white: int) -> None:
    row = np.array([0, white // 2 + 1, white], dtype).tobytes()
    assert row_of(gray_tiff(row, width=3, bits=32, more={339: sample_format})) == [0, 128, 255]


@pytest.mark.parametrize("bits", [8, 16])
def test_white_is_zero_is_inverted(bits: int) -> None:
    row = np.array([0, 2**bits - 1], f"<u{bits // 8}").tobytes()
    assert row_of(gray_tiff(row, width=2, bits=bits, more={262: 0})) == [255, 0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 128.0, 255.0], [0, 128, 255]),
        ([0.0, 257.0, 65535.0], [0, 1, 255]),
        ([-5.0, 50_000.0, 100_000.0], [0, 128, 255]),
        ([float("nan"), float("inf"), 1.0], [0, 0, 255]),
        ([0.0, 0.0, 0.0], [0, 0, 0]),
    ],
)
def test_float_tiff_is_white_at_the_end_of_its_range(values: list[float], expected: list[int]) -> None:
    assert row_of(gray_tiff(np.array(values, "<f4").tobytes(), width=3, bits=32, more={339: 3})) == expected


def test_cmyk_is_ink() -> None:
    image = Image.new("CMYK", (3, 1))
    image.putdata([(0, 0, 0, 0), (255, 0, 0, 0), (0, 0, 0, 255)])
    assert pixels_of(encode(image, "TIFF")).tolist() == [[[255, 255, 255], [0, 255, 255], [0, 0, 0]]]


@pytest.mark.parametrize(
    ("transform", "white_paper"),
    [(0, (0, 0, 0, 0)), (2, (255, 127, 127, 0))],  # as YCCK: no luminance, no chroma, that is to say, no ink
    ids=["CMYK", "YCCK"],
)
def test_adobe_jpeg_stores_ink_inverted(transform: int, white_paper: tuple[int, ...]) -> None:
    upload = bytearray(encode(Image.new("CMYK", (16, 16), white_paper), "JPEG", quality=100))
    upload[upload.index(b"Adobe") + 11] = transform
    assert (pixels_of(bytes(upload)) == 255).all()


def test_lab_is_converted_by_its_meaning() -> None:
    image = Image.new("LAB", (2, 1))
    image.putdata([(255, 128, 128), (0, 128, 128)])
    white, black = pixels_of(encode(image, "TIFF"))[0].astype(int).tolist()
    assert min(white) >= 253
    assert max(black) <= 2


def test_bitmap_with_a_fourth_byte_of_zeros_is_visible() -> None:
    header = struct.pack("<IiiHHIIiiII", 56, 1, 1, 1, 32, 3, 4, 0, 0, 0, 0)
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    upload = b"BM" + struct.pack("<IHHI", 74, 0, 0, 70) + header + masks + bytes((30, 20, 10, 0))
    assert pixels_of(upload).tolist() == [[[10, 20, 30]]]
