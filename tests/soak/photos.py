"""The pictures of a soak: photos in every accepted format, and rows of docs/robustness.md that have an answer."""

from __future__ import annotations

import io
from dataclasses import dataclass

from bad_images import ANSWERED
from pictures import encode, with_orientation
from PIL import Image

from benchmarks.pictures import photo_like, photos
from models.pixels.preprocessing import ACCEPTED_FORMATS

SMALL_SIZE = (200, 150)
LARGE_SIZE = (2400, 1600)
NUM_PLAIN = 8


@dataclass(frozen=True)
class Picture:
    """An upload that has an answer; one that is rare costs the server much."""

    name: str
    content: bytes
    is_rare: bool = False


def all_pictures() -> list[Picture]:
    made = [Picture(f"plain{number}.jpg", photo) for number, photo in enumerate(photos()[:NUM_PLAIN])]
    others = [Image.open(io.BytesIO(photo)).resize(SMALL_SIZE) for photo in photos()[NUM_PLAIN:]]
    for number, image_format in enumerate(ACCEPTED_FORMATS):
        picture = others[number % len(others)].rotate(90 * (number // len(others)), expand=True)
        made.append(Picture(f"photo.{image_format.lower()}", encode(picture, image_format)))
    turned, late = others[0].transpose(Image.Transpose.FLIP_LEFT_RIGHT), others[1].transpose(Image.Transpose.ROTATE_180)
    made += [
        Picture("turned.jpg", encode(turned, "JPEG", exif=with_orientation(6))),
        Picture("progressive.jpg", encode(late, "JPEG", progressive=True)),
        Picture("large.jpg", photo_like(LARGE_SIZE, 99), is_rare=True),
    ]
    return made + [Picture(case.what, case.make(), is_rare=True) for case in ANSWERED]
