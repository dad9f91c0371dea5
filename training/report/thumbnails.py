"""Small pictures of photos for one page: each is in it once, as a style that any element can have."""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from markupsafe import Markup
from PIL import Image

from models.errors import ImageError
from models.pixels.fitting import FIRST_SIDEWAYS
from models.pixels.formats import identify, read_encoded
from models.pixels.preprocessing import Pixels, PixelSpec, preprocess
from training.dataset import Split

SIDE_PX = 144  # shown at 9 rem: sharp enough to judge a label by
MAX_PHOTOS = 700
MAX_BYTES = 4_500_000  # of all pictures, as text


class Thumbnails:
    """The photos that a page shows; the first ones asked for are in it, the others have no picture."""

    def __init__(self, *, max_photos: int = MAX_PHOTOS, max_bytes: int = MAX_BYTES) -> None:
        self._max_photos = max_photos
        self._max_bytes = max_bytes
        self._photos: dict[tuple[str, int], Split] = {}

    def style_of(self, part: str, split: Split, index: int) -> str:
        """Return the class of an element that shows a photo, and plan to show it; empty when the page is full.

        Args:
            part: name of the split.
            split: that has the photo.
            index: of the photo.
        """
        key = (part, index)
        if key not in self._photos and len(self._photos) >= self._max_photos:
            return ""
        self._photos.setdefault(key, split)
        return f"photo-{part}-{index}"

    def css(self) -> Markup:
        """Return the styles: one rule for each photo, until `max_bytes` are reached."""
        with ThreadPoolExecutor() as pool:
            urls = pool.map(lambda photo: _url(photo[1], photo[0][1]), self._photos.items())
            return Markup("\n").join(self._rules(urls))

    def _rules(self, urls: Iterator[str]) -> Iterator[Markup]:
        num_bytes = 0
        for (part, index), url in zip(self._photos, urls, strict=True):
            num_bytes += len(url)
            if num_bytes > self._max_bytes:
                return
            if url:
                # The name is a part's and a number, the address base64.
                yield Markup(f".photo-{part}-{index} {{ background-image: url({url}) }}")  # noqa: S704


def data_url(pixels: Pixels) -> str:
    """Encode a picture, uint8 [H, W, 3], as an address that holds it."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", quality=70)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def _url(split: Split, index: int) -> str:
    """Encode a whole photo, small; empty if it cannot be read or decoded any more."""
    try:
        photo = split.read(index)
        encoded = read_encoded(photo, identify(photo))
        width, height = encoded.size
        if (encoded.orientation or 1) >= FIRST_SIDEWAYS:
            width, height = height, width
        scale = SIDE_PX / max(width, height)
        spec = PixelSpec(height_px=max(1, round(scale * height)), width_px=max(1, round(scale * width)))
        return data_url(preprocess(photo, spec))
    except (ImageError, OSError, LookupError, ValueError, struct.error):
        return ""
