"""Whatever stands in a header, reading it gives a cost or a named error, and soon."""

from __future__ import annotations

import random
import time

import pytest
from pictures import encode, gradient

from models.errors import ImageError
from models.pixels.formats import identify
from models.pixels.preprocessing import ACCEPTED_FORMATS, PixelSpec, read

SPEC = PixelSpec(32, 32)
SEEDS = [
    encode(gradient(19, 26).convert(mode), image_format, **options)
    for mode, image_format, options in [
        ("RGB", "JPEG", {"progressive": True}),
        ("CMYK", "JPEG", {}),
        ("RGBA", "PNG", {}),
        ("P", "GIF", {}),
        ("P", "BMP", {}),
        ("RGBA", "WEBP", {}),
        ("RGB", "WEBP", {"lossless": True}),
        ("RGB", "TIFF", {"compression": "tiff_lzw"}),
        ("I", "TIFF", {"big_tiff": True}),
        ("RGBA", "AVIF", {}),
        ("RGBA", "HEIC", {}),
    ]
    if image_format in ACCEPTED_FORMATS
]


def mutated(seed: bytes, draw: random.Random) -> bytes:
    """Change bytes, put in numbers that are extreme, cut, and repeat a part."""
    upload = bytearray(seed)
    for _ in range(draw.randint(1, 6)):
        position = draw.randrange(len(upload))
        match draw.randrange(4):
            case 0:
                upload[position] = draw.randrange(256)
            case 1:
                extreme = draw.choice([0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF])
                upload[position : position + 4] = extreme.to_bytes(4, draw.choice(["little", "big"]))
            case 2:
                part = upload[position : position + draw.randrange(1, 40)]
                upload[position:position] = part * draw.choice([1, 2, 200])
            case 3:
                del upload[position : position + draw.randrange(1, 20)]
        if len(upload) < 12:
            break
    return bytes(upload)


def fuzz(number: int, seed: int) -> float:
    """Read the headers of so many images; returns the most processor seconds that one took."""
    draw = random.Random(seed)
    slowest = 0.0
    for _ in range(number):
        upload = mutated(draw.choice(SEEDS), draw)
        started = time.thread_time()
        try:
            image = read(upload, SPEC)
        except ImageError:
            pass
        else:
            assert image.cost.cpu_s >= 0
            assert image.cost.memory_bytes > 0
            assert len(image.encoded.data) < 2 * len(upload) + 2000
        slowest = max(slowest, time.thread_time() - started)
    return slowest


def test_any_header_gives_a_cost_or_a_named_error() -> None:
    fuzz(3000, seed=21)


@pytest.mark.parametrize("seed", SEEDS, ids=[f"{identify(seed)}-{number}" for number, seed in enumerate(SEEDS)])
def test_estimate_of_memory_holds_the_picture(seed: bytes) -> None:
    image = read(seed, PixelSpec(19, 26))
    assert image.cost.memory_bytes >= 19 * 26 * 3
    assert image.cost.cpu_s > 0
