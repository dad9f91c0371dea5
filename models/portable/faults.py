"""What programs do to pictures by mistake: each makes other pixels, by whose answers it is recognised."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
from PIL import Image

from models.pixels.preprocessing import Pixels, PixelSpec
from models.portable import scaling
from models.portable.golden import fitted_pixels
from models.portable.readings import is_transparent, is_turned, read_picture, reduction_of

Step = Literal["decoding", "fitting", "range", "labels"]

IN_FULL = "JPEGs are decoded in full, and not at 1/2, 1/4 or 1/8"
NOT_TURNED = "the EXIF orientation is ignored"
_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
_BACKGROUNDS = {
    "": "white",
    "transparent pixels are put on black": "black",
    "transparency is dropped, and what it hid is shown": "",
}
_PLACES: dict[str, scaling.Place] = {
    "": scaling.as_it_should,
    "the whole picture is squeezed in": scaling.the_whole,
    "all of the centre is kept": scaling.all_of_the_centre,
    "only the middle 0.875 of the centre is kept": scaling.middle_of_the_centre,
    "the upper left part is kept": scaling.upper_left,
    "bars fill it up to its proportions": scaling.around,
}
_SCALES: dict[str, scaling.Scale] = {
    "the filter is linear and not antialiased": scaling.sampled(2),
    "the filter is linear, not antialiased, and half a pixel off": scaling.sampled(2, centred=False),
    "the nearest pixel is taken": scaling.sampled(1),
    "the nearest pixel is taken, half a pixel off": scaling.sampled(1, centred=False),
    "the filter is cubic and not antialiased": scaling.sampled(4),
    "the filter is bilinear": scaling.antialiased(Image.Resampling.BILINEAR),
    "the filter is bicubic": scaling.antialiased(Image.Resampling.BICUBIC),
    "areas are averaged": scaling.antialiased(Image.Resampling.BOX),
    "the filter is Lanczos'": scaling.antialiased(Image.Resampling.LANCZOS),
}
_COLORS: dict[str, Callable[[Pixels], Pixels]] = {
    "blue comes first (BGR)": lambda pixels: pixels[..., ::-1],
    "colors are dropped": lambda pixels: np.asarray(Image.fromarray(pixels).convert("L").convert("RGB")),
}
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's photos, as PyTorch's models take them
# A cast to bytes is to those of an int8: -1 becomes 255.
_RANGES: dict[str, Callable[[Pixels], Pixels]] = {
    "pixels are scaled to 0..1 (or to -1..1, and cut at 0)": lambda pixels: (pixels / 255).astype(np.uint8),
    "pixels are scaled to 0..1 and rounded": lambda pixels: np.rint(pixels / 255).astype(np.uint8),
    "pixels are scaled to -1..1": lambda pixels: (pixels / 127.5 - 1).astype(np.int8).view(np.uint8),
    "pixels are scaled to -1..1 and rounded": lambda pixels: np.rint(pixels / 127.5 - 1).astype(np.int8).view(np.uint8),
    "pixels are shifted to -128..127 (int8)": lambda pixels: pixels ^ np.uint8(128),
    "pixels are shifted to -128..127, and cut at 0": lambda pixels: np.where(pixels < 128, 0, pixels ^ 128).astype(
        np.uint8
    ),
    "pixels are normalized, as they are inside": lambda pixels: (pixels / 64 - 2).astype(np.int8).view(np.uint8),
    "pixels are normalized by ImageNet's mean and deviation": lambda pixels: (
        ((pixels / 255 - _MEAN) / _DEVIATION).astype(np.int8).view(np.uint8)
    ),
    "ImageNet's mean is subtracted": lambda pixels: (pixels - 255 * np.array(_MEAN)).astype(np.int16).astype(np.uint8),
    "pixels are inverted": lambda pixels: 255 - pixels,
}


@dataclass(frozen=True, slots=True)
class Way:
    """A way from an encoded picture to a model's input, by what is wrong with it; the right one has no words.

    Attributes:
        jpeg: IN_FULL, or "".
        orientation: NOT_TURNED, or "".
        transparency: of `_BACKGROUNDS`.
        colors: of `_COLORS`, or "".
        place: which part of the picture is kept, of `_PLACES`.
        scale: by which filter, of `_SCALES`, or "".
        range: of `_RANGES`, or "".
    """

    jpeg: str = ""
    orientation: str = ""
    transparency: str = ""
    colors: str = ""
    place: str = ""
    scale: str = ""
    range: str = ""

    def faults(self) -> list[tuple[Step, str]]:
        """List what is wrong, by step; that JPEGs are decoded in full, as is usual, only if nothing else is."""
        reading, fitting = (self.orientation, self.transparency, self.colors), (self.place, self.scale)
        by_step: dict[Step, tuple[str, ...]] = {"decoding": reading, "fitting": fitting, "range": (self.range,)}
        found = [(step, " and ".join(filter(None, words))) for step, words in by_step.items() if any(words)]
        return found or ([("decoding", self.jpeg)] if self.jpeg else [])

    @property
    def num_faults(self) -> int:
        """How much is wrong."""
        return sum(bool(getattr(self, field.name)) for field in fields(self))

    def at(self, name: str, spec: PixelSpec) -> Way:
        """Return what of it is wrong with one golden picture."""
        return replace(
            self,
            jpeg=self.jpeg if reduction_of(name, spec) > 1 else "",
            orientation=self.orientation if is_turned(name) else "",
            transparency=self.transparency if is_transparent(name) else "",
        )

    def fitted(self, name: str, spec: PixelSpec) -> Pixels:
        """Decode and fit a golden picture this way, uint8 [H, W, 3]; colors and range are left."""
        here = self.at(name, spec)
        if here == Way(colors=here.colors, range=here.range):
            return fitted_pixels(name, spec)
        reduction = 1 if here.jpeg else reduction_of(name, spec)
        picture = read_picture(
            name, reduction=reduction, turned=not here.orientation, background=_BACKGROUNDS[here.transparency]
        )
        scale = _SCALES[self.scale] if self.scale else scaling.antialiased(_FILTERS[spec.resample])
        return scale(picture, _PLACES[self.place](picture.size, spec), (spec.width_px, spec.height_px))

    def changed(self, fitted: Pixels) -> Pixels:
        """Do to fitted pixels what is wrong with colors and range."""
        for words, changes in ((self.colors, _COLORS), (self.range, _RANGES)):
            if words:
                fitted = changes[words](fitted)
        return fitted

    def pixels(self, name: str, spec: PixelSpec) -> Pixels:
        """Take a golden picture this way; uint8 [H, W, 3], as the right way gives it if nothing is wrong."""
        return self.changed(self.fitted(name, spec))

    def without_one_fault(self) -> Iterator[Way]:
        """Yield the ways that have one fault less."""
        yield from (replace(self, **{field.name: ""}) for field in fields(self) if getattr(self, field.name))

    def neighbours(self, spec: PixelSpec, *, is_wide: bool = True) -> Iterator[Way]:
        """Yield the ways that differ at one point; where it is wide, part and filter count as one."""
        words = {
            "jpeg": ["", IN_FULL],
            "orientation": ["", NOT_TURNED],
            "transparency": list(_BACKGROUNDS),
            "colors": ["", *_COLORS],
            "range": ["", *_RANGES],
        }
        for point, values in words.items():
            yield from (replace(self, **{point: value}) for value in values if value != getattr(self, point))
        scales = ["", *(words for words in _SCALES if words != f"the filter is {spec.resample}")]
        for place, box in _PLACES.items():
            if not place or box((5, 3), spec) != scaling.as_it_should((5, 3), spec):
                both = [replace(self, place=place, scale=scale) for scale in scales]
                yield from (other for other in both if is_wide or place == self.place or other.scale == self.scale)
