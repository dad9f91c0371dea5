"""What preprocessing refuses: too much, broken, or a buffer that does not fit; and what it leaves untouched then."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pictures import encode, gradient, noise
from PIL import Image

from models.errors import CorruptImage, ImageTooLarge
from models.pixels import preprocessing
from models.pixels.preprocessing import ACCEPTED_FORMATS, ImageLimits, PixelSpec, preprocess, read

ANY_SPEC = PixelSpec(24, 32)


# Limits


def test_bytes_are_limited_before_anything_else() -> None:
    upload = encode(Image.new("RGB", (8, 8)), "PNG")
    preprocess(upload, ANY_SPEC, limits=ImageLimits(max_bytes=len(upload)))
    with pytest.raises(ImageTooLarge, match="the image has 1,001 bytes; at most 1,000 are accepted"):
        preprocess(b"x" * 1001, ANY_SPEC, limits=ImageLimits(max_bytes=1000))


@pytest.mark.parametrize("image_format", ACCEPTED_FORMATS)
def test_pixels_are_limited(image_format: str) -> None:
    upload = encode(Image.new("RGB", (64, 64)), image_format)
    spec = PixelSpec(64, 64)
    preprocess(upload, spec, limits=ImageLimits(max_pixels=4096))
    with pytest.raises(ImageTooLarge, match="the image has 64 x 64 pixels; at most 4,095 are accepted"):
        preprocess(upload, spec, limits=ImageLimits(max_pixels=4095))


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (ImageLimits(max_cpu_s=0.01), r"takes about 0\.0 s; at most 0\.01 s are accepted"),
        (ImageLimits(max_memory_bytes=4_000_000), "takes about 4 MB; at most 4 MB are accepted"),
    ],
    ids=["time", "memory"],
)
def test_what_decoding_costs_is_limited(limits: ImageLimits, message: str) -> None:
    upload = encode(Image.new("RGB", (1000, 1000)), "PNG")
    assert read(upload, ANY_SPEC).cost.cpu_s > 0.015
    with pytest.raises(ImageTooLarge, match=message):
        preprocess(upload, ANY_SPEC, limits=limits)


def test_jpeg_costs_what_the_size_does_that_it_is_decoded_at() -> None:
    upload = encode(Image.new("RGB", (1024, 1024)), "JPEG")
    whole, eighth = (read(upload, PixelSpec(side, side)).cost for side in (1024, 128))
    assert whole.memory_bytes > 4 * 1024**2
    assert eighth.memory_bytes < 4 * 1024**2 / 10
    assert whole.cpu_s > 5 * eighth.cpu_s


def test_longest_side_is_limited() -> None:
    with pytest.raises(ImageTooLarge, match="1 x 65536 pixels; at most 65,535 a side"):
        preprocess(encode(Image.new("1", (1, 65536)), "PNG"), ANY_SPEC)


def test_size_is_checked_again_when_the_decoder_knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    upload = encode(Image.new("RGB", (40, 30)), "PNG")
    lying = preprocessing.read_encoded(upload, "PNG")._replace(size=(1, 1))
    monkeypatch.setattr(preprocessing, "read_encoded", lambda *_args: lying)
    with pytest.raises(ImageTooLarge, match="the image has 40 x 30 pixels; at most 1,199 are accepted"):
        preprocess(upload, ANY_SPEC, limits=ImageLimits(max_pixels=1199))


def test_what_the_decoder_cannot_hold_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise MemoryError

    monkeypatch.setattr(preprocessing, "fit_picture", fail)
    with pytest.raises(ImageTooLarge, match="the PNG image takes more memory to decode than there is"):
        preprocess(encode(Image.new("1", (1, 1)), "PNG"), ANY_SPEC)


# The caller's buffer


def test_pixels_go_into_the_given_buffer() -> None:
    upload = encode(gradient(30, 40), "PNG")
    slots = np.zeros((3, 24, 32, 3), np.uint8)
    assert preprocess(upload, ANY_SPEC, out=slots[1]).base is slots
    assert (slots[1] == preprocess(upload, ANY_SPEC)).all()
    assert not slots[[0, 2]].any()


def test_buffer_is_untouched_on_an_error() -> None:
    slot = np.full((24, 32, 3), 7, np.uint8)
    with pytest.raises(CorruptImage):
        preprocess(encode(gradient(30, 40), "PNG")[:-40], ANY_SPEC, out=slot)
    assert (slot == 7).all()


@pytest.mark.parametrize(
    "slot",
    [
        np.zeros((32, 24, 3), np.uint8),
        np.zeros((24, 32, 3), np.float32),
        np.zeros((24, 32, 6), np.uint8)[..., ::2],
        np.frombuffer(bytes(24 * 32 * 3), np.uint8).reshape(24, 32, 3),
    ],
    ids=["shape", "dtype", "strides", "read-only"],
)
def test_buffer_that_does_not_fit_is_refused(slot: Any) -> None:
    with pytest.raises(ValueError, match=r"out must be .* of shape \(24, 32, 3\)"):
        preprocess(b"", ANY_SPEC, out=slot)


# Errors


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("percent", [30, 60, 95])
def test_truncated_picture_is_corrupt_and_never_half_gray(image_format: str, percent: int) -> None:
    upload = encode(Image.fromarray(noise(40, 40)), image_format)
    with pytest.raises(CorruptImage):
        preprocess(upload[: len(upload) * percent // 100], ANY_SPEC)


def test_truncated_picture_is_called_so() -> None:
    with pytest.raises(CorruptImage, match=r"^the JPEG image is truncated and cannot be decoded$"):
        preprocess(encode(gradient(40, 40), "JPEG")[:-60], ANY_SPEC)
