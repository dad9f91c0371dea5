"""A picture of a palette is read again, by a library, as it was written."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from models.explanation.indexed_png import empty_lines, indexed_png, palette_chunks

PALETTE = palette_chunks(bytes(range(0, 30)), bytes(range(0, 100, 10)))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (7, 3), (32, 32), (300, 70)])
def test_picture_is_read_as_it_was_written(width, height):
    lines = empty_lines(width, height)
    lines[:, 1:] = np.random.default_rng(0).integers(0, 10, (height, width))
    with Image.open(io.BytesIO(indexed_png(lines, PALETTE)), formats=("PNG",)) as picture:
        pixels = np.asarray(picture.convert("RGBA"))
    expected = [
        [[3 * color, 3 * color + 1, 3 * color + 2, 10 * color] for color in line[1:]] for line in lines.tolist()
    ]
    assert pixels.tolist() == expected


def test_larger_picture_is_compressed():
    assert len(indexed_png(empty_lines(300, 70), PALETTE)) < 300
