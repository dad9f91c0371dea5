"""The whole way from bytes to pixels: size, fit, orientation."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from pictures import encode, gradient, noise, with_orientation
from PIL import Image

from models.errors import EmptyImage, UnsupportedImage
from models.pixels.formats import jpeg
from models.pixels.formats.encoded import EncodedImage
from models.pixels.preprocessing import ACCEPTED_FORMATS, Pixels, PixelSpec, preprocess

LOSSLESS: dict[str, dict[str, Any]] = {"PNG": {}, "WEBP": {"lossless": True}, "BMP": {}, "TIFF": {}}
WITH_ORIENTATION = [name for name in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF") if name in ACCEPTED_FORMATS]
ANIMATED = [name for name in ("GIF", "PNG", "WEBP", "TIFF", "AVIF") if name in ACCEPTED_FORMATS]
UPRIGHT: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).transpose(1, 0, 2),
    8: lambda stored: np.rot90(stored, 1),
}
ANY_SPEC = PixelSpec(24, 32)


def columns(*levels: int, height: int = 2) -> Image.Image:
    return Image.fromarray(np.tile(np.array(levels, np.uint8), (height, 1)))


# Formats


@pytest.mark.parametrize("image_format", ACCEPTED_FORMATS)
def test_every_accepted_format_gives_pixels(image_format: str) -> None:
    pixels = preprocess(encode(Image.new("RGB", (40, 30), (250, 120, 10)), image_format), ANY_SPEC)
    assert pixels.shape == (24, 32, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    assert np.abs(pixels.astype(int) - (250, 120, 10)).max() <= 6  # of the lossy ones


def test_the_usual_formats_are_accepted() -> None:
    assert {"JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"} <= set(ACCEPTED_FORMATS)


@pytest.mark.parametrize(
    ("upload", "described"),
    [
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b"\xef\xbb\xbf  <SVG/>", "an SVG drawing"),
        (b"\0\0\0\x18ftypisom\0\0\0\0mp41isom", "a video"),
        (b"%PDF-1.7", "a PDF document"),
        (b"PK\3\4", "a ZIP archive"),
        (b"<!DOCTYPE html>", "an HTML page"),
        (b"hello", "not an image of a known format"),
        (b"\0", "not an image of a known format"),
    ],
)
def test_what_is_not_accepted_is_told_by_its_first_bytes(upload: bytes, described: str) -> None:
    with pytest.raises(UnsupportedImage, match=f"the upload is {described}.* accepted are JPEG, PNG, "):
        preprocess(upload, ANY_SPEC)


@pytest.mark.parametrize("image_format", ["ICO", "PPM", "TGA", "PCX", "JPEG2000", "DIB", "EPS", "PDF", "SGI"])
def test_other_formats_of_pillow_are_not_accepted(image_format: str) -> None:
    with pytest.raises(UnsupportedImage, match="accepted are JPEG"):
        preprocess(encode(Image.new("RGB", (16, 16)), image_format), ANY_SPEC)


def test_empty_upload_has_its_own_error() -> None:
    with pytest.raises(EmptyImage, match="the upload is empty"):
        preprocess(b"", ANY_SPEC)


@pytest.mark.parametrize("view", [memoryview, bytearray, lambda upload: memoryview(bytearray(upload))])
def test_upload_may_be_any_buffer(view: Callable[[bytes], memoryview]) -> None:
    upload = encode(gradient(30, 40), "PNG")
    assert (preprocess(view(upload), ANY_SPEC) == preprocess(upload, ANY_SPEC)).all()


# Fit


@pytest.mark.parametrize("image_format", LOSSLESS)
@pytest.mark.parametrize("fit", ["crop", "stretch"])
def test_picture_of_the_right_size_is_not_touched(image_format: str, fit: Any) -> None:
    values = noise(32, 32)
    upload = encode(Image.fromarray(values), image_format, **LOSSLESS[image_format])
    assert (preprocess(upload, PixelSpec(32, 32, fit)) == values).all()


def test_crop_keeps_the_centre_of_a_wide_picture() -> None:
    upload = encode(columns(0, 1, 2, 3, 4, 5), "PNG")
    assert preprocess(upload, PixelSpec(2, 2))[:, :, 0].tolist() == [[2, 3], [2, 3]]


def test_crop_keeps_the_centre_of_a_tall_picture() -> None:
    upload = encode(columns(0, 1, 2, 3, 4, 5).transpose(Image.Transpose.TRANSPOSE), "PNG")
    assert preprocess(upload, PixelSpec(2, 2))[:, :, 0].tolist() == [[2, 2], [3, 3]]


def test_crop_fraction_keeps_the_middle_of_the_crop() -> None:
    upload = encode(columns(0, 1, 2, 3, 4, 5, height=4), "PNG")
    assert preprocess(upload, PixelSpec(2, 2, crop_fraction=0.5))[:, :, 0].tolist() == [[2, 3], [2, 3]]


def test_stretch_keeps_every_part() -> None:
    upload = encode(columns(*[0] * 40, *[100] * 40, *[200] * 40, height=40), "PNG")
    rows = preprocess(upload, PixelSpec(3, 3, fit="stretch"))[:, :, 0].astype(int)
    # The triangle filter weighs a third of the width by 7/8 and 1/8 at the edges, and by 3/4 in the middle.
    assert np.abs(rows - [[14, 100, 186]] * 3).max() <= 2


def test_picture_smaller_than_the_spec_is_enlarged() -> None:
    assert (preprocess(encode(Image.new("L", (1, 1), 77), "PNG"), PixelSpec(50, 60)) == 77).all()


@pytest.mark.parametrize(("name", "resampling"), [("bilinear", 2), ("bicubic", 3)])
def test_resampling_is_that_of_pillow_with_antialiasing(name: Any, resampling: int) -> None:
    image = Image.fromarray(noise(60, 90))
    expected = np.asarray(image.resize((32, 24), resampling, box=(5, 0, 85, 60)))
    assert (preprocess(encode(image, "PNG"), PixelSpec(24, 32, resample=name)) == expected).all()


def test_gray_picture_is_scaled_like_a_colour_picture_of_the_same_values() -> None:
    gray = Image.fromarray(noise(61, 47)[..., 0])
    assert (preprocess(encode(gray, "PNG"), ANY_SPEC) == preprocess(encode(gray.convert("RGB"), "PNG"), ANY_SPEC)).all()


# Reduced decoding of JPEG


@pytest.mark.parametrize(("side", "decoded"), [(64, 64), (127, 127), (128, 64), (257, 65), (600, 75)])
def test_jpeg_is_decoded_no_larger_than_needed(side: int, decoded: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    decode = jpeg.decode

    def spy(encoded: EncodedImage, reduction: int) -> Image.Image:
        picture = decode(encoded, reduction)
        sizes.append(picture.size)
        return picture

    monkeypatch.setattr(jpeg, "decode", spy)
    preprocess(encode(gradient(side, side), "JPEG"), PixelSpec(64, 64))
    assert sizes == [(decoded, decoded)]


@pytest.mark.parametrize("size", [(1024, 1024), (1000, 750), (333, 777)])
@pytest.mark.parametrize("fit", ["crop", "stretch"])
def test_reduced_jpeg_looks_like_the_whole_one(size: tuple[int, int], fit: Any) -> None:
    image = gradient(*size)
    spec = PixelSpec(56, 48, fit)
    reduced = preprocess(encode(image, "JPEG", quality=95), spec).astype(int)
    assert np.abs(reduced - preprocess(encode(image, "PNG"), spec)).max() <= 4


def test_reduction_knows_of_sideways_photos() -> None:
    # Stored 1024 wide, seen 1024 high: an eighth covers 128 x 64 only if the axes are exchanged.
    upload = encode(gradient(512, 1024), "JPEG", exif=with_orientation(6))
    with Image.open(io.BytesIO(upload)) as image:
        image.draft(None, (128, 64))
        eighth = np.asarray(image)
    assert (preprocess(upload, PixelSpec(128, 64)) == np.rot90(eighth, -1)).all()


# Orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("image_format", WITH_ORIENTATION)
def test_orientation_is_applied(image_format: str, orientation: int) -> None:
    image = gradient(24, 40)
    options = LOSSLESS.get(image_format, {})
    upright = UPRIGHT[orientation](preprocess(encode(image, image_format, **options), PixelSpec(24, 40)))
    turned = encode(image, image_format, exif=with_orientation(orientation), **options)
    assert (preprocess(turned, PixelSpec(*upright.shape[:2])) == upright).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_crop_is_taken_from_the_upright_picture(orientation: int) -> None:
    # A spec that is not square, so that exchanged axes show; the turned file is scaled in another order, hence the 1.
    image = gradient(90, 160)
    upright = Image.fromarray(np.ascontiguousarray(UPRIGHT[orientation](np.asarray(image))))
    turned = preprocess(encode(image, "PNG", exif=with_orientation(orientation)), ANY_SPEC).astype(int)
    assert np.abs(turned - preprocess(encode(upright, "PNG"), ANY_SPEC)).max() <= 1


# First frame


@pytest.mark.parametrize("image_format", ANIMATED)
def test_first_frame_of_an_animation_counts(image_format: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "lime", "blue")]
    upload = encode(frames[0], image_format, save_all=True, append_images=frames[1:], duration=100)
    with Image.open(io.BytesIO(upload)) as image:
        assert getattr(image, "n_frames", 1) == 3
    assert np.abs(preprocess(upload, PixelSpec(16, 16)).astype(int) - (255, 0, 0)).max() <= 3


def test_first_picture_of_a_stereo_jpeg_counts() -> None:
    pair = [Image.new("L", (16, 16), level) for level in (200, 20)]
    upload = encode(pair[0], "MPO", save_all=True, append_images=pair[1:])
    assert (preprocess(upload, PixelSpec(16, 16)) == 200).all()


def test_threads_do_not_disturb_each_other() -> None:
    uploads = [encode(Image.fromarray(noise(40 + n, 50)), name) for n, name in enumerate(ACCEPTED_FORMATS)]
    expected = [preprocess(upload, ANY_SPEC) for upload in uploads]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda upload: preprocess(upload, ANY_SPEC), uploads * 8))
    for pixels, of_one_thread in zip(results, expected * 8, strict=True):
        assert (pixels == of_one_thread).all()
