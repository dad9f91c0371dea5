"""Golden answers: ten painted pictures, their pixels' hashes, and the probabilities that a file gives to each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import ArtifactError, CorruptArtifact, without_host_paths
from models.pixels.fitting import FIRST_SIDEWAYS
from models.pixels.formats import identify, read_encoded
from models.pixels.preprocessing import Pixels, PixelSpec, preprocess
from models.portable.painting import PAINTED
from models.runtime import RuntimeName
from models.runtime.model_file import first_runtime, load_file
from models.runtime.tensors import Images, Probabilities
from models.store.fields import validate_labels
from models.store.strict_json import parse_object

GOLDEN_FILE = "golden.json"
PICTURES = Path(__file__).with_name("pictures")
PACKAGES: dict[RuntimeName, tuple[str, ...]] = {
    "litert": ("ai-edge-litert", "numpy", "pillow"),
    "onnxruntime": ("onnxruntime", "numpy", "pillow"),
}
_FORMAT = 1
_MAX_BYTES = 64 * 1024**2
_DECIMALS = 7


@dataclass(frozen=True, slots=True)
class GoldenPicture:
    """One picture and what becomes of it.

    Attributes:
        file: its name in `PICTURES`.
        sha256: of its bytes.
        size: width and height, upright.
        decoded_sha256: of its pixels, uint8 [height, width, 3], upright, on white.
        fitted_sha256: of the model's input, uint8 [H, W, 3].
        probabilities: in the order of the labels.
    """

    file: str
    sha256: str
    size: tuple[int, int]
    decoded_sha256: str
    fitted_sha256: str
    probabilities: tuple[float, ...]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> GoldenPicture:
        """Read the JSON form; TypeError where a field is missing or unknown."""
        fields: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class Golden:
    """The golden answers of one file.

    Attributes:
        labels: in the order of the probabilities.
        pixels: how pictures are fitted.
        precision: of the file's weights, such as "int8".
        model_sha256: of the file.
        packages: that gave the answers, with their versions.
        pictures: ten.
    """

    labels: tuple[str, ...]
    pixels: PixelSpec
    precision: str
    model_sha256: str
    packages: Mapping[str, str]
    pictures: tuple[GoldenPicture, ...]

    @property
    def probabilities(self) -> Probabilities:
        """All answers, float32 [N, C]."""
        return np.array([picture.probabilities for picture in self.pictures], np.float32)

    def encode(self) -> bytes:
        """Return golden.json, with a line for each list of numbers."""
        record = asdict(self) | {"pixels": self.pixels.to_dict(), "labels": list(self.labels)}
        pictures = record.pop("pictures")
        lines = [json.dumps({"format": _FORMAT} | record, indent=1, ensure_ascii=False)[:-2], ',\n "pictures": [\n  ']
        lines.append(",\n  ".join(json.dumps(picture) for picture in pictures))
        return ("".join(lines) + "\n ]\n}\n").encode()

    @classmethod
    def decode(cls, content: bytes) -> Golden:
        """Read golden.json; CorruptArtifact where it is none."""
        try:
            record = parse_object(content, GOLDEN_FILE, max_bytes=_MAX_BYTES)
            if record.pop("format", None) != _FORMAT:
                raise ValueError(f"{GOLDEN_FILE} must be of format {_FORMAT}")
            pictures = tuple(GoldenPicture.from_dict(each) for each in record.pop("pictures"))
            record["labels"] = validate_labels(record["labels"])
            record["pixels"] = PixelSpec.from_dict(record["pixels"])
            golden = cls(**record, pictures=pictures)
            if not pictures or golden.probabilities.shape != (len(pictures), len(golden.labels)):
                raise ValueError(f"{GOLDEN_FILE} must have a probability for each label and picture")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise CorruptArtifact(f"{GOLDEN_FILE} is broken: {error}"[:400]) from error
        return golden


def golden_answers(model: Path, labels: tuple[str, ...], pixels: PixelSpec, *, precision: str) -> Golden:
    """Have LiteRT, or ONNX Runtime, answer the golden pictures.

    Args:
        model: a LiteRT or ONNX file.
        labels: in the order of its probabilities.
        pixels: how pictures are fitted.
        precision: of its weights.

    Raises:
        CorruptArtifact: the runtime cannot load the file.
    """
    shape = (pixels.height_px, pixels.width_px, 3)
    fitted = [fitted_pixels(name, pixels) for name in PAINTED]
    with closing(load_file(model, input_shape=shape, num_classes=len(labels))) as runtime:
        answers = one_by_one(runtime, fitted)
    pictures = []
    for name, image, answer in zip(PAINTED, fitted, answers, strict=True):
        decoded = decoded_pixels(name)
        pictures.append(
            GoldenPicture(
                file=name,
                sha256=hashlib.sha256(encoded_bytes(name)).hexdigest(),
                size=(decoded.shape[1], decoded.shape[0]),
                decoded_sha256=hash_of(decoded),
                fitted_sha256=hash_of(image),
                probabilities=tuple(round(float(value), _DECIMALS) for value in answer),
            )
        )
    packages = {package: version(package) for package in PACKAGES[first_runtime(model)]}
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    return Golden(labels, pixels, precision, digest, packages, tuple(pictures))


def read_golden(file: Path) -> Golden:
    """Read golden.json; ArtifactError, with what to do, where it is missing or broken."""
    if not file.is_file():
        raise ArtifactError(
            f"there are no golden answers at {file}: give --golden FILE, or publish the version once more, "
            "which adds them (python -m models publish)"
        )
    with without_host_paths(f"{GOLDEN_FILE} cannot be read"):
        return Golden.decode(file.read_bytes())


def one_by_one(runtime: Any, images: Images) -> Probabilities:
    """Run images alone, as phones do: a batch may round otherwise."""
    return np.concatenate([runtime.run([image]) for image in images])


def encoded_bytes(name: str) -> bytes:
    """Read the file of a golden picture."""
    with without_host_paths(f"the golden picture {name!r} cannot be read"):
        return (PICTURES / name).read_bytes()


@cache
def decoded_pixels(name: str) -> Pixels:
    """Decode a golden picture in full: uint8 [height, width, 3], upright, on white."""
    data = encoded_bytes(name)
    encoded = read_encoded(data, identify(data))
    width, height = encoded.size if (encoded.orientation or 1) < FIRST_SIDEWAYS else encoded.size[::-1]
    return preprocess(data, PixelSpec(height, width, fit="stretch"))


def fitted_pixels(name: str, pixels: PixelSpec) -> Pixels:
    """Make a golden picture the input of a model: uint8 [H, W, 3]."""
    return preprocess(encoded_bytes(name), pixels)


def hash_of(pixels: Pixels) -> str:
    """Return the sha256 of pixels, row by row, three bytes each."""
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
