"""The numbers that a foreign network was trained to take in place of a pixel's bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

Channels = Literal["RGB", "BGR"]
CHANNELS: tuple[Channels, ...] = get_args(Channels)
AS_QUANTIZED = "as quantized"

_ENDS = re.compile(r"(-?\d+(?:\.\d+)?)\.\.(-?\d+(?:\.\d+)?)")
_LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as Pillow's mode L
# Mean and standard deviation of red, green and blue, in steps of a byte: torchvision's, and Caffe's without the second.
_STATISTICS = {
    "imagenet": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "caffe": ((123.68, 116.779, 103.939), (1.0, 1.0, 1.0)),
}
ALLOWED = "-1..1, 0..1, 0..255 or other ends, imagenet, caffe"


@dataclass(frozen=True, slots=True)
class PixelRange:
    """A range by its name, and the order of the channels.

    Attributes:
        name: "LOW..HIGH", "imagenet" (0..1, minus the mean, over the standard deviation), "caffe" (0..255 minus the
            mean), or `AS_QUANTIZED`: an integer input takes bytes as they are.
        channels: in the order in which the network takes them.

    Raises:
        ValueError: no such range.
    """

    name: str
    channels: Channels = "RGB"

    def __post_init__(self) -> None:
        if self.name not in (*_STATISTICS, AS_QUANTIZED) and not _ends(self.name):
            raise ValueError(f"a range must be one of {ALLOWED}, got {self.name!r}")

    @classmethod
    def parse(cls, name: str, channels: Channels | None = None) -> PixelRange:
        """Read a range; Caffe's networks take blue first unless told otherwise."""
        return cls(name, channels or ("BGR" if name == "caffe" else "RGB"))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PixelRange:
        """Read the JSON form."""
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.name} {self.channels}"

    def affine(self, num_channels: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return weights, [num_channels, 3], and offsets by which red, green and blue, 0..255, become the input.

        Args:
            num_channels: 3, or 1 for a network of gray pictures.

        Raises:
            ValueError: a range that differs by channel for gray pictures.
        """
        if ends := _ends(self.name):
            scale, offset = np.full(3, (ends[1] - ends[0]) / 255), np.full(3, ends[0])
        else:
            mean, std = (np.array(values) for values in _STATISTICS[self.name])
            scale, offset = 1 / std, -mean / std
        if num_channels == 1:
            if not ends:
                raise ValueError(f"the range {self.name} is of three channels, and the network takes gray pictures")
            return (scale * _LUMINANCE)[None].astype(np.float32), offset[:1].astype(np.float32)
        order = [0, 1, 2] if self.channels == "RGB" else [2, 1, 0]
        return np.diag(scale)[order].astype(np.float32), offset[order].astype(np.float32)

    def apply(self, pixels: npt.NDArray[np.uint8], *, num_channels: int = 3) -> npt.NDArray[np.float32]:
        """Return what the network is to be given for pixels, uint8 [..., 3]."""
        weights, offsets = self.affine(num_channels)
        return pixels.astype(np.float32) @ weights.T + offsets


def _ends(name: str) -> tuple[float, float] | None:
    found = _ENDS.fullmatch(name)
    if not found or not float(found[1]) < float(found[2]):
        return None
    return float(found[1]), float(found[2])
