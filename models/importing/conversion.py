"""Has a Keras model or SavedModel converted to LiteRT by a process of its own, which has TensorFlow."""

from __future__ import annotations

import importlib.util
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.errors import RuntimeMissing
from models.importing.file_kind import Kind
from models.importing.own_process import Limits, run_apart
from models.importing.pixel_range import PixelRange
from models.pixels.preprocessing import Pixels

READY: tuple[Kind, ...] = ("tflite", "onnx")  # need no conversion
FUNCTION = "models.network.foreign:convert"  # by its name: what is imported here must not need TensorFlow
CONVERTED, CALIBRATION = "converted.tflite", "calibration.npy"
LIMITS = Limits(seconds=600, wall_s=3600, memory_bytes=12 * 1024**3)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a network comes from.

    Attributes:
        file: a `.tflite`, `.onnx`, `.keras` or `.h5` file, the folder of a SavedModel, or weights of an application;
            None to download these.
        kind: of the file; "h5" where it is None.
        application: the network of `applications` that the weights are of; None where the file has its own.
        num_classes: of an application.
        size_px: height and width of pictures, of an application, or where the network takes any.
    """

    file: Path | None
    kind: Kind
    application: str | None = None
    num_classes: int = 0
    size_px: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        return self.application or (self.file.name.partition(".")[0] if self.file else "") or "model"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Pictures by which the ranges of int8 activations are fixed.

    Attributes:
        pictures: uint8 [H, W, 3] each.
        range: of the network's input.
        num_channels: of its input.
        is_channels_first: whether they come first.
    """

    pictures: list[Pixels]
    range: PixelRange
    num_channels: int
    is_channels_first: bool

    def numbers(self) -> npt.NDArray[np.float32]:
        """Return what the network is given."""
        # Black over white comes first, so that the input's range is found to be all of it.
        black_over_white = np.zeros_like(self.pictures[0])
        black_over_white[len(black_over_white) // 2 :] = 255
        numbers = self.range.apply(np.stack([black_over_white, *self.pictures]), num_channels=self.num_channels)
        return np.ascontiguousarray(numbers.transpose(0, 3, 1, 2)) if self.is_channels_first else numbers


def litert_of(source: Source, folder: Path, calibration: Calibration | None = None) -> Path:
    """Return the file of a source: its own, or the `.tflite` that TensorFlow makes of it, in float32 or int8.

    Args:
        source: the foreign model.
        folder: to work in; made if it is missing.
        calibration: pictures for int8.

    Raises:
        ForeignModelRefused: it is broken, not accepted, or TensorFlow cannot convert it.
        RuntimeMissing: TensorFlow is not installed.
    """
    if source.kind in READY and source.file:
        return source.file
    if not importlib.util.find_spec("tensorflow"):
        raise RuntimeMissing("TensorFlow is not installed, which Keras' models need; requirements/train.txt has it")
    folder.mkdir(exist_ok=True)
    if calibration is not None:
        np.save(folder / CALIBRATION, calibration.numbers())
    job: dict[str, Any] = asdict(source) | {"file": str(source.file.resolve()) if source.file else None}
    run_apart(FUNCTION, job | {"cache": str(Path.home() / ".keras")}, folder, LIMITS)
    return folder / CONVERTED
