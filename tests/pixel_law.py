"""The law of preprocessing: any bytes whatever give pixels or a named error, nothing else."""

from __future__ import annotations

import numpy as np
from pictures import encode, gradient, with_orientation

from models.errors import ImageError
from models.pixels.preprocessing import ACCEPTED_FORMATS, ImageLimits, PixelSpec, preprocess

ANY_SPEC = PixelSpec(24, 32)
SEEDS = [
    encode(image.convert(mode), image_format, **options)
    for image in (gradient(19, 26),)
    for mode, image_format, options in [
        ("RGB", "JPEG", {"exif": with_orientation(6)}),
        ("L", "JPEG", {"progressive": True}),
        ("CMYK", "JPEG", {}),
        ("RGB", "PNG", {"exif": with_orientation(3)}),
        ("P", "PNG", {"transparency": 3}),
        ("LA", "PNG", {}),
        ("P", "GIF", {"transparency": 0}),
        ("P", "BMP", {}),
        ("RGB", "BMP", {}),
        ("RGBA", "WEBP", {"exif": with_orientation(8)}),
        ("RGB", "WEBP", {"lossless": True}),
        ("RGB", "TIFF", {}),
        ("1", "TIFF", {"compression": "group4"}),
        ("RGB", "TIFF", {"compression": "tiff_lzw"}),
        ("RGB", "TIFF", {"compression": "jpeg"}),
        ("F", "TIFF", {"big_tiff": True}),
        ("YCbCr", "TIFF", {}),
        ("RGB", "AVIF", {}),
        ("RGBA", "HEIC", {}),
        ("RGB", "HEIC", {"tile_size": 16}),
    ]
    if image_format in ACCEPTED_FORMATS
]


def assert_pixels_or_named_error(upload: bytes) -> None:
    """The law: no other exception, no half picture, no message that shows the host."""
    try:
        pixels = preprocess(upload, ANY_SPEC, limits=ImageLimits(max_pixels=1_000_000))
    except ImageError as error:
        message = str(error)
        assert message
        assert "0x" not in message
        assert "object" not in message
        assert "/" not in message
    else:
        assert pixels.shape == (24, 32, 3)
        assert pixels.dtype == np.uint8
