"""What programs do to pictures by mistake: each makes other pixels, by whose answers it is recognised."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Literal

import numpy as np
from PIL import Image

from models.pixels.fitting import Box, source_box
from models.pixels.preprocessing import Pixels, PixelSpec
from models.portable.golden import decoded_pixels, encoded_bytes, fitted_pixels

Step = Literal["decoding", "fitting", "range"]
_Scale = Callable[[Image.Image, Box, tuple[int, int]], Image.Image]


@dataclass(frozen=True, slots=True)
class Way:
    """A way from an encoded picture to a model's input, by what is wrong with it; the right one has no words.

    Attributes:
        decoding: of `_PICTURES` or `_COLORS`, or "".
        place: which part of the picture is kept, of `_PLACES`, or "".
        scale: by which filter, of `_SCALES`, or "".
        range: of `_RANGES`, or "".
    """

    decoding: str = ""
    place: str = ""
    scale: str = ""
    range: str = ""

    def faults(self) -> list[tuple[Step, str]]:
        """List what is wrong, each with the step at which it is done."""
        fitting = " and ".join(filter(None, (self.place, self.scale)))
        steps: list[tuple[Step, str]] = [("decoding", self.decoding), ("fitting", fitting), ("range", self.range)]
        return [(step, words) for step, words in steps if words]

    def pixels(self, name: str, spec: PixelSpec) -> Pixels:
        """Take a golden picture this way; uint8 [H, W, 3], as the right way gives it if nothing is wrong."""
        if self.place or self.scale or self.decoding in _PICTURES:
            picture = _PICTURES.get(self.decoding, _picture)(name)
            box = _PLACES.get(self.place, _as_it_should)(picture.size, spec)
            scale = _SCALES[self.scale] if self.scale else _antialiased(_FILTERS[spec.resample])
            fitted: Pixels = np.asarray(scale(picture, box, (spec.width_px, spec.height_px)))
        else:
            fitted = fitted_pixels(name, spec)
        for words, changes in ((self.decoding, _COLORS), (self.range, _RANGES)):
            if words in changes:
                fitted = changes[words](fitted)
        return fitted

    def with_one_more_fault(self, spec: PixelSpec) -> Iterator[Way]:
        """Yield the ways that have one fault more, at a step where this one has none."""
        places = [words for words, box in _PLACES.items() if box((5, 3), spec) != _as_it_should((5, 3), spec)]
        tables = {
            "decoding": [*_PICTURES, *_COLORS],
            "place": places,
            "scale": [words for words in _SCALES if words != f"the filter is {spec.resample}"],
            "range": list(_RANGES),
        }
        for part, words in tables.items():
            if not getattr(self, part):
                yield from (replace(self, **{part: word}) for word in words)


def _picture(name: str) -> Image.Image:
    return Image.fromarray(decoded_pixels(name))


def _as_it_should(size: tuple[int, int], spec: PixelSpec) -> Box:
    return source_box(size, (spec.width_px, spec.height_px), spec)


def _whole(size: tuple[int, int], spec: PixelSpec) -> Box:  # noqa: ARG001 - as the others
    return Box(0, 0, *size)


def _all_of_the_centre(size: tuple[int, int], spec: PixelSpec) -> Box:
    return source_box(size, (spec.width_px, spec.height_px), PixelSpec(spec.height_px, spec.width_px))


def _upper_left(size: tuple[int, int], spec: PixelSpec) -> Box:
    centre = _all_of_the_centre(size, spec)
    return Box(0, 0, centre.right - centre.left, centre.bottom - centre.top)


def _around(size: tuple[int, int], spec: PixelSpec) -> Box:
    """Return the least box of the target's proportions that holds the picture, and more."""
    scale = max(size[0] / spec.width_px, size[1] / spec.height_px)
    left, top = (size[0] - scale * spec.width_px) / 2, (size[1] - scale * spec.height_px) / 2
    return Box(left, top, size[0] - left, size[1] - top)


def _antialiased(resample: Image.Resampling) -> _Scale:
    def scale(picture: Image.Image, box: Box, target: tuple[int, int]) -> Image.Image:
        if box.left >= 0 and box.top >= 0:
            return picture.resize(target, resample, box=box)
        left, top, right, bottom = (round(edge) for edge in box)
        wide = picture.crop((left, top, right, bottom))  # black, where there is no picture
        return wide.resize(target, resample)

    return scale


def _sampled(resample: Image.Resampling) -> _Scale:
    """Scale without antialiasing: each pixel of the result is read at its one place in the picture."""

    def scale(picture: Image.Image, box: Box, target: tuple[int, int]) -> Image.Image:
        across, down = (box.right - box.left) / target[0], (box.bottom - box.top) / target[1]
        matrix = (across, 0, box.left, 0, down, box.top)
        return picture.transform(target, Image.Transform.AFFINE, matrix, resample)

    return scale


def _stored(name: str) -> Image.Image:
    return Image.open(BytesIO(encoded_bytes(name)))


def _on_black(name: str) -> Image.Image:
    picture = _stored(name)
    if not picture.has_transparency_data:
        return _picture(name)
    whole = picture.convert("RGBA")
    black = Image.new("RGB", whole.size)
    black.paste(whole, mask=whole)
    return black


def _without_transparency(name: str) -> Image.Image:
    picture = _stored(name)
    return picture.convert("RGBA").convert("RGB") if picture.has_transparency_data else _picture(name)


def _not_turned(name: str) -> Image.Image:
    picture = _stored(name)
    return picture if picture.mode == "RGB" and picture.format == "JPEG" else _picture(name)


_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
_PLACES: dict[str, Callable[[tuple[int, int], PixelSpec], Box]] = {
    "the whole picture is squeezed in": _whole,
    "all of the centre is kept": _all_of_the_centre,
    "the upper left part is kept": _upper_left,
    "bars fill it up to its proportions": _around,
}
_SCALES: dict[str, _Scale] = {
    "the filter is linear and not antialiased": _sampled(Image.Resampling.BILINEAR),
    "the nearest pixel is taken": _sampled(Image.Resampling.NEAREST),
    "the filter is cubic and not antialiased": _sampled(Image.Resampling.BICUBIC),
    "the filter is bilinear": _antialiased(Image.Resampling.BILINEAR),
    "the filter is bicubic": _antialiased(Image.Resampling.BICUBIC),
    "areas are averaged": _antialiased(Image.Resampling.BOX),
    "the filter is Lanczos'": _antialiased(Image.Resampling.LANCZOS),
}
_PICTURES: dict[str, Callable[[str], Image.Image]] = {
    "JPEGs are decoded in full, and not at 1/2, 1/4 or 1/8": _picture,
    "the EXIF orientation is ignored": _not_turned,
    "transparent pixels are put on black": _on_black,
    "transparency is dropped, and what it hid is shown": _without_transparency,
}
_COLORS: dict[str, Callable[[Pixels], Pixels]] = {
    "blue comes first (BGR)": lambda pixels: pixels[..., ::-1],
    "colors are dropped": lambda pixels: np.asarray(Image.fromarray(pixels).convert("L").convert("RGB")),
}
_RANGES: dict[str, Callable[[Pixels], Pixels]] = {
    "pixels are scaled to 0..1": lambda pixels: (pixels / 255).astype(np.uint8),
    "pixels are scaled to 0..1 and rounded": lambda pixels: np.rint(pixels / 255).astype(np.uint8),
    "pixels are scaled to -1..1": lambda pixels: (pixels / 127.5 - 1).astype(np.int8).view(np.uint8),
    "pixels are shifted to -128..127 (int8)": lambda pixels: pixels ^ np.uint8(128),
    "pixels are normalized, as they are inside": lambda pixels: (pixels / 64 - 2).astype(np.int8).view(np.uint8),
    "pixels are inverted": lambda pixels: 255 - pixels,
}
