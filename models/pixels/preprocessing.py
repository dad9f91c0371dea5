"""Turns encoded images into the uint8 pixels a model expects, for evaluation, calibration and serving alike."""

from __future__ import annotations

import re
from io import BytesIO
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from models.errors import CorruptImage, EmptyImage, ImageError, ImageTooLarge, UnsupportedImage
from models.pixels.fitting import cost_of, fit_jpeg, fit_picture
from models.pixels.formats import ACCEPTED_FORMATS, EncodedImage, heif, identify, read_encoded, tiff
from models.pixels.formats.encoded import Cost
from models.pixels.formats.exif import read_orientation
from models.pixels.spec import ImageLimits, PixelSpec

__all__ = ["ACCEPTED_FORMATS", "ImageLimits", "PixelSpec", "Pixels", "ReadImage", "decode", "preprocess", "read"]

Pixels = npt.NDArray[np.uint8]

# Importing a plugin registers it; Image.open would import all forty to find one that is not.
_PLUGINS = (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

# Pillow would warn of size alone; our limits are by what decoding costs, and checked before it.
Image.MAX_IMAGE_PIXELS = None
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # requests run side by side already

# As Pillow's reader of files says it, and its decoder of bytes.
_ENDS_TOO_EARLY = re.compile("truncated|not enough image data", re.IGNORECASE)
# As Pillow says it of bitmaps that Windows and OS/2 know: compressed as JPEG, of 2 or 64 bits, with masks of their own.
_KIND_UNKNOWN = re.compile("Unsupported BMP (?:header|pixel|bitfields|compression)")
_DEFAULT_LIMITS = ImageLimits()
# The longest side of a JPEG. A longer one would make resampling tables that are larger than the picture.
_MAX_SIDE_PX = 65_535


class ReadImage(NamedTuple):
    """An image of which everything is known but its pixels, and what decoding them takes."""

    encoded: EncodedImage
    cost: Cost


def preprocess(
    upload: bytes | memoryview,
    spec: PixelSpec,
    *,
    limits: ImageLimits = _DEFAULT_LIMITS,
    out: Pixels | None = None,
) -> Pixels:
    """Decode one encoded image into the pixels the model was trained on.

    The first frame counts, EXIF orientation is applied, transparency is composed onto white, colour profiles are
    ignored. A picture that already has the size of the spec comes back as it is, pixel for pixel. A JPEG far larger
    than the spec is decoded at 1/2, 1/4 or 1/8, which still covers it. Any number of threads may call this at once.

    Args:
        upload: the whole file, in one of `ACCEPTED_FORMATS`.
        spec: the size, and how the picture is fitted to it.
        limits: checked before anything is decoded.
        out: where to write the pixels, uint8 [spec.height_px, spec.width_px, 3], C-contiguous; untouched on an error.

    Returns:
        uint8 [spec.height_px, spec.width_px, 3], RGB, C-contiguous: `out`, or a new array.

    Raises:
        EmptyImage: no bytes.
        UnsupportedImage: the bytes are not of a format that we accept.
        ImageTooLarge: more bytes than limits.max_bytes, or more pixels than limits.max_pixels.
        CorruptImage: the image is truncated or broken.
        ValueError: `out` does not fit.
    """
    check_buffer(out, spec)
    return decode(read(upload, spec, limits=limits).encoded, spec, limits=limits, out=out)


def check_buffer(out: Pixels | None, spec: PixelSpec) -> None:
    """Raise ValueError for a buffer that is not as `preprocess` says."""
    shape = (spec.height_px, spec.width_px, 3)
    if out is not None and (
        out.shape != shape or out.dtype != np.uint8 or not out.flags.c_contiguous or not out.flags.writeable
    ):
        raise ValueError(
            f"out must be a writeable, C-contiguous uint8 array of shape {shape}, got {out.dtype} {out.shape}"
        )


def read(upload: bytes | memoryview, spec: PixelSpec, *, limits: ImageLimits = _DEFAULT_LIMITS) -> ReadImage:
    """Take the first half of `preprocess`: all in Python, in bounded time, up to the point where decoding begins."""
    num_bytes = memoryview(upload).nbytes
    if num_bytes == 0:
        raise EmptyImage("the upload is empty")
    if num_bytes > limits.max_bytes:
        raise ImageTooLarge(f"the image has {num_bytes:,} bytes; at most {limits.max_bytes:,} are accepted")
    data = bytes(upload)
    image_format = identify(data)
    try:
        encoded = read_encoded(data, image_format)
        _check_size(encoded.size, limits)
        cost = cost_of(encoded, spec)
        _check_cost(encoded.size, cost, limits)
        return ReadImage(encoded, cost)
    except ImageError:
        raise
    except Exception as error:
        raise _named(error, image_format) from error


def decode(
    encoded: EncodedImage, spec: PixelSpec, *, limits: ImageLimits = _DEFAULT_LIMITS, out: Pixels | None = None
) -> Pixels:
    """Take the second half: the pixels of an image whose header has been found to keep to the limits."""
    try:
        picture = _decode(encoded, spec, limits)
    except ImageError:
        raise
    except Exception as error:
        raise _named(error, encoded.format) from error
    if out is None:
        out = np.empty((spec.height_px, spec.width_px, 3), np.uint8)
    out.data.cast("B")[:] = picture.tobytes()
    return out


def _check_size(size: tuple[int, int], limits: ImageLimits) -> None:
    width, height = size
    if width * height > limits.max_pixels:
        raise ImageTooLarge(f"the image has {width} x {height} pixels; at most {limits.max_pixels:,} are accepted")
    if max(width, height) > _MAX_SIDE_PX:
        raise ImageTooLarge(f"the image has {width} x {height} pixels; at most {_MAX_SIDE_PX:,} a side are accepted")


def _check_cost(size: tuple[int, int], cost: Cost, limits: ImageLimits) -> None:
    image = f"the image has {size[0]} x {size[1]} pixels, coded so that decoding them takes about"
    if cost.cpu_s > limits.max_cpu_s:
        raise ImageTooLarge(f"{image} {cost.cpu_s:.1f} s; at most {limits.max_cpu_s:g} s are accepted")
    if cost.memory_bytes > limits.max_memory_bytes:
        megabytes = cost.memory_bytes // 10**6
        raise ImageTooLarge(f"{image} {megabytes:,} MB; at most {limits.max_memory_bytes // 10**6:,} MB are accepted")


def _decode(encoded: EncodedImage, spec: PixelSpec, limits: ImageLimits) -> Image.Image:
    if encoded.format == "JPEG":
        return fit_jpeg(encoded, spec)
    if encoded.format == "HEIC":
        return fit_picture(heif.decode(encoded), spec, orientation=1, samples=encoded.samples)
    with _open(encoded) as image:
        # Again, by the decoder's word: a container can say one thing and the picture within it another.
        _check_size(image.size, limits)
        factor = image.width * image.height / max(1, encoded.size[0] * encoded.size[1])
        if factor > 1:
            cost = cost_of(encoded, spec)
            _check_cost(image.size, Cost(factor * cost.cpu_s, int(factor * cost.memory_bytes)), limits)
        orientation = encoded.orientation
        if orientation is None:
            orientation = read_orientation(image.info.get("exif", b""), image.info.get("xmp", b""))
        return fit_picture(image, spec, orientation=orientation, samples=encoded.samples)


def _open(encoded: EncodedImage) -> Image.Image:
    try:
        return Image.open(BytesIO(encoded.data), formats=(encoded.format,))
    except UnidentifiedImageError:
        if encoded.format == "TIFF":
            tiff.check_layout(encoded.data)
        raise


def _named(error: Exception, image_format: str) -> ImageError:
    """Make an `ImageError` of whatever decoding raises.

    Pillow raises OSError, SyntaxError, ValueError, struct.error, zlib.error, IndexError, KeyError, TypeError, EOFError,
    OverflowError, ZeroDivisionError, AssertionError, AttributeError and more, as the broken byte has it, and which is
    part of no contract. So this is as broad as can be, around nothing but decoding. The messages of the causes are not
    passed on: they may show addresses and paths; the cause itself is chained, for the log.
    """
    if isinstance(error, ImportError):
        return UnsupportedImage(f"the {image_format} image cannot be read: the library for it cannot be loaded")
    if isinstance(error, MemoryError):
        return ImageTooLarge(f"the {image_format} image takes more memory to decode than there is")
    if _KIND_UNKNOWN.match(str(error)):
        return UnsupportedImage(
            f"the {image_format} image is of a kind that is not accepted; save it uncompressed, with 24 bits"
        )
    problem = "truncated" if _ENDS_TOO_EARLY.search(str(error)) else "corrupt"
    return CorruptImage(f"the {image_format} image is {problem} and cannot be decoded")
