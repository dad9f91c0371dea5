"""The pixels that a model expects, and the limits of an uploaded image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, Literal, get_args

from models.checks import one_of

Fit = Literal["crop", "stretch"]
Resample = Literal["bilinear", "bicubic"]

MAX_TARGET_PX = 4096
MAX_PIXELS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class PixelSpec:
    """The pixels that a model was trained on and takes; its manifest records them.

    Attributes:
        height_px: rows of the result, 1 to 4096.
        width_px: columns of the result, 1 to 4096.
        fit: "crop" scales the image until it covers the target and keeps the centre; "stretch" ignores proportions.
        crop_fraction: in (0, 1], for "crop" only: the centre part of the covering scale that is kept. 0.875 is the
            usual "short side to 256, centre 224".
        resample: Pillow's filter of that name, antialiased.
    """

    height_px: int
    width_px: int
    fit: Fit = "crop"
    crop_fraction: float = 1.0
    resample: Resample = "bilinear"

    def __post_init__(self) -> None:
        for name in ("height_px", "width_px"):
            _check_int(name, getattr(self, name), minimum=1, maximum=MAX_TARGET_PX)
        one_of(get_args(Fit), fit=self.fit)
        one_of(get_args(Resample), resample=self.resample)
        fraction = self.crop_fraction
        if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 0 < fraction <= 1:
            raise ValueError(f"crop_fraction must be a number in (0, 1], got {fraction!r}")
        if self.fit == "stretch" and fraction != 1:
            raise ValueError(f"crop_fraction must be 1 where fit is 'stretch', got {fraction!r}")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, for a manifest."""
        return asdict(self)

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> PixelSpec:
        """Read the JSON form.

        Raises:
            ValueError: a field is missing, unknown or not allowed; the message names it and what is allowed.
        """
        if not isinstance(mapping, Mapping):
            raise ValueError(f"a pixel spec must be a JSON object, got {type(mapping).__name__}")
        known = {field.name: field for field in fields(cls)}
        if unknown := sorted(str(name) for name in mapping if name not in known):
            raise ValueError(f"unknown pixel spec field {unknown[0]!r}; the fields are {', '.join(known)}")
        for name, field in known.items():
            if field.default is MISSING and name not in mapping:
                raise ValueError(f"{name} is missing from the pixel spec")
        return cls(**mapping)


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Limits of an uploaded image, all of which are checked before anything is decoded.

    Attributes:
        max_bytes: of the encoded image.
        max_pixels: width times height.
        max_cpu_s: what decoding may take of one core, as estimated from the header (`models.pixels.formats.encoded`).
        max_memory_bytes: what it may take meanwhile, estimated likewise. A JPEG in one scan takes next to nothing, PNG
            4 bytes a pixel, WebP 16.
    """

    max_bytes: int = 20 * 1024**2
    max_pixels: int = 250_000_000
    max_cpu_s: float = 5.0
    max_memory_bytes: int = 512 * 1024**2

    def __post_init__(self) -> None:
        _check_int("max_bytes", self.max_bytes, minimum=1)
        _check_int("max_pixels", self.max_pixels, minimum=1, maximum=MAX_PIXELS)
        _check_int("max_memory_bytes", self.max_memory_bytes, minimum=1)
        if not self.max_cpu_s > 0:
            raise ValueError(f"max_cpu_s must be a positive number, got {self.max_cpu_s!r}")


def _check_int(name: str, value: object, *, minimum: int, maximum: int | None = None) -> None:
    is_int = isinstance(value, int) and not isinstance(value, bool)
    if not is_int or value < minimum or (maximum is not None and value > maximum):  # type: ignore[operator]
        allowed = f">= {minimum}" if maximum is None else f"from {minimum} to {maximum}"
        raise ValueError(f"{name} must be an integer {allowed}, got {value!r}")
