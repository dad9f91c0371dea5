"""Images of other projects, odd, broken and hostile: every one gives pixels or the right error."""

from __future__ import annotations

import csv
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from models.errors import ImageError, UnsupportedImage
from models.pixels.preprocessing import ACCEPTED_FORMATS, PixelSpec, preprocess

SPEC = PixelSpec(64, 64)
PILLOW_FORMATS = [name for name in ACCEPTED_FORMATS if name != "HEIC"]  # Pillow itself reads no HEIC

# Pillow alone refuses these; their pictures are whole and what is broken in them we do not read.
WHOLE_PICTURES = {
    "pillow__chunk_no_fctl.png": "an animation without frame headers; the still picture before it is intact",
    "pillow__png_decompression_dos.png": "a text chunk that inflates; text is not inflated",
    "pocs__small-invalid.jpg": "lacks its end marker; the one pixel is there",
    "pillow__truncated_end_chunk.png": "breaks off in a surplus IDAT chunk, after the end of the zlib stream",
}


@pytest.fixture(scope="module")
def foreign_images(shared_data: Path) -> list[tuple[Path, str]]:
    """Each file and the format that Pillow sees in it, if any."""
    folder = shared_data / "images"
    with (folder / "index.csv").open(newline="") as file:
        return [(folder / row["file"], row["format"]) for row in csv.DictReader(file)]


def test_every_foreign_image_gives_pixels_or_the_right_error(foreign_images: list[tuple[Path, str]]) -> None:
    wrong = {}
    for path, pillow_format in foreign_images:
        expected = "error" if path.parent.name == "invalid" and path.name not in WHOLE_PICTURES else "pixels"
        if path.parent.name == "valid-but-tricky" and pillow_format not in ACCEPTED_FORMATS:
            expected = "unsupported"
        try:
            assert preprocess(path.read_bytes(), SPEC).shape == (64, 64, 3)
            outcome = "pixels"
        except ImageError as error:
            outcome = "unsupported" if expected != "error" and isinstance(error, UnsupportedImage) else "error"
        if outcome != expected:
            wrong[path.name] = outcome
    assert not wrong


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow alone warns of what it reads
def test_pixels_are_those_of_pillow(foreign_images: list[tuple[Path, str]]) -> None:
    """What we leave out before Pillow sees it changes no pixel."""
    differing = []
    for path, _ in foreign_images:
        upload = path.read_bytes()
        expected = _pixels_of_pillow(upload) if path.parent.name == "valid-but-tricky" else None
        if expected is not None:
            height, width, _ = expected.shape
            if not np.array_equal(preprocess(upload, PixelSpec(height, width)), expected):
                differing.append(path.name)
    assert not differing


def _pixels_of_pillow(upload: bytes) -> np.ndarray | None:
    """Turned upright and on white; None for what is not accepted, and for 16 bits, which Pillow clips."""
    try:
        with Image.open(BytesIO(upload), formats=PILLOW_FORMATS) as image:
            image.load()
            if image.mode.startswith("I"):
                return None
            has_alpha = image.has_transparency_data
            try:
                upright = ImageOps.exif_transpose(image)
            except SyntaxError:
                upright = image
            if has_alpha:
                upright = upright.convert("RGBA")
                white = Image.new("RGB", upright.size, "white")
                white.paste(upright, mask=upright)
                upright = white
            return np.asarray(upright.convert("RGB"))
    except OSError:
        return None
