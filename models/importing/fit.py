"""Reads how pictures are fitted to a foreign network, as it is typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.pixels.spec import Fit, PixelSpec, Resample

ALLOWED = "stretch, crop, or crop:F with the part F of each side that is kept, such as crop:0.875"


@dataclass(frozen=True, slots=True)
class Fitting:
    """A `PixelSpec` without its size.

    Attributes:
        fit: as `PixelSpec.fit`.
        crop_fraction: as `PixelSpec.crop_fraction`.
        resample: as `PixelSpec.resample`.
    """

    fit: Fit = "crop"
    crop_fraction: float = 1.0
    resample: Resample = "bilinear"

    @classmethod
    def parse(cls, text: str, resample: Resample = "bilinear") -> Fitting:
        """Read "stretch", "crop" or "crop:0.875"; ValueError for all else."""
        name, colon, fraction = text.partition(":")
        kinds: dict[str, Literal["crop", "stretch"]] = {"crop": "crop", "stretch": "stretch"}
        try:
            fitting = cls(kinds[name], float(fraction) if colon else 1.0, resample)
            fitting.spec(1, 1)
        except (KeyError, ValueError):
            raise ValueError(f"a fit must be {ALLOWED}, got {text!r}") from None
        return fitting

    def __str__(self) -> str:
        return self.fit if self.crop_fraction == 1 else f"{self.fit}:{self.crop_fraction:g}"

    def spec(self, height_px: int, width_px: int) -> PixelSpec:
        """Return the spec for an input of this size."""
        return PixelSpec(height_px, width_px, self.fit, self.crop_fraction, self.resample)
