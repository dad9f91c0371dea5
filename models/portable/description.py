"""Describes a `.tflite` inside itself, by TensorFlow Lite's metadata, which libraries on phones read.

The metadata is a flatbuffer in a buffer of the model, by the schema metadata_schema.fbs of tensorflow/tflite-support.
The files that it names are a ZIP archive, uncompressed, behind the model: labels.txt, and opsin.json for what the
schema has no field for. To an interpreter both are nothing.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import flatbuffers
import numpy as np

from models.errors import CorruptArtifact
from models.pixels.spec import PixelSpec
from models.portable.tables import Byte, UInt, flatbuffer

IDENTIFIER = b"TFL3"  # bytes 4 to 8 of every `.tflite`
METADATA = "TFLITE_METADATA"
LABELS_FILE, FACTS_FILE = "labels.txt", "opsin.json"

_TENSOR_AXIS_LABELS = 2  # of the schema's enumeration AssociatedFileType
_FEATURE, _IMAGE = 1, 2  # of its union ContentProperties
_NORMALIZATION = 1  # of its union ProcessUnitOptions
_RGB = 1
_WRITTEN = (1980, 1, 1, 0, 0, 0)  # the first moment that a ZIP archive can say, so that equal descriptions are equal


@dataclass(frozen=True, slots=True)
class Description:
    """What a file says of itself.

    Attributes:
        labels: in the order of the probabilities.
        pixels: how a picture becomes the input.
        temperature: that the logits are divided by, inside the file; 1 for none.
    """

    labels: tuple[str, ...]
    pixels: PixelSpec
    temperature: float = 1.0

    def facts(self) -> dict[str, Any]:
        """Return opsin.json."""
        shape = [-1, self.pixels.height_px, self.pixels.width_px, 3]
        return {
            "input": {"dtype": "uint8", "shape": shape, "colors": "RGB", "range": [0, 255]},
            "pixels": self.pixels.to_dict(),
            "fitting": fitting_in_words(self.pixels),
            "temperature": self.temperature,
        }


def fitting_in_words(pixels: PixelSpec) -> str:
    """Say what is done to a picture, for whoever writes it anew in another language."""
    width, height = pixels.width_px, pixels.height_px
    first = "Turn the picture by its EXIF orientation and put transparent pixels on white. "
    last = f" The filter is {pixels.resample}, widened where it shrinks (antialiased), as Pillow's resize() has it."
    if pixels.fit == "stretch":
        return f"{first}Scale it to {width} x {height}, whatever its proportions.{last}"
    scaled = (
        f"Of the largest centred part with the proportions {width} : {height}, keep the middle "
        f"{pixels.crop_fraction:g} of each side, and scale that to {width} x {height}."
    )
    return f"{first}{scaled}{last}"


def describe(content: bytes, labels: Sequence[str], pixels: PixelSpec) -> bytes:
    """Write a description into a LiteRT file, in place of the one that it has; the network stays bit for bit.

    Args:
        content: of the file.
        labels: one for each probability, in their order.
        pixels: how a picture becomes its input.

    Raises:
        ValueError: these are not the bytes of a LiteRT file.
    """
    if content[4:8] != IDENTIFIER:
        raise ValueError("it is not a LiteRT file: bytes 4 to 8 are not TFL3")
    model = unpacked(content)
    description = Description(tuple(labels), pixels, temperature_of(model))
    _set_metadata(model, flatbuffer(_tables(description, model), b"M001"))
    file = BytesIO()
    file.write(packed(model))
    with zipfile.ZipFile(file, "a") as archive:
        facts = json.dumps(description.facts(), indent=2, ensure_ascii=False)
        for name, text in {LABELS_FILE: "\n".join(labels), FACTS_FILE: facts}.items():
            archive.writestr(zipfile.ZipInfo(name, _WRITTEN), f"{text}\n")
    return file.getvalue()


def read_description(content: bytes) -> Description | None:
    """Read what a LiteRT file says of itself; None where it says nothing.

    Raises:
        CorruptArtifact: the archive behind the model is broken.
    """
    if not zipfile.is_zipfile(BytesIO(content)):
        return None
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            if FACTS_FILE not in archive.namelist():
                return None
            facts: Mapping[str, Any] = json.loads(archive.read(FACTS_FILE))
            labels = archive.read(LABELS_FILE).decode().removesuffix("\n").split("\n")
        return Description(tuple(labels), PixelSpec.from_dict(facts["pixels"]), float(facts["temperature"]))
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, NotImplementedError) as error:
        raise CorruptArtifact("the description inside the file is broken") from error


def unpacked(content: bytes) -> Any:
    """Return a LiteRT file as the schema's `ModelT`, which may be changed."""
    from ai_edge_litert import schema_py_generated as schema  # which takes 0.2 s that other commands need not wait for

    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))


def packed(model: Any) -> bytes:
    """Return the bytes of a `ModelT`."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def temperature_of(model: Any) -> float:
    """Return what the final softmax divides logits by, with four decimals; 1 without one."""
    last = model.subgraphs[0].operators[-1].builtinOptions
    return round(1 / float(last.beta), 4) if type(last).__name__ == "SoftmaxOptionsT" else 1.0


def _set_metadata(model: Any, metadata: bytes) -> None:
    from ai_edge_litert import schema_py_generated as schema

    entries = [entry for entry in model.metadata or [] if entry.name.decode() == METADATA]
    if not entries:
        entries = [schema.MetadataT(name=METADATA.encode(), buffer=len(model.buffers))]
        model.metadata = [*(model.metadata or []), *entries]
        model.buffers.append(schema.BufferT())
    model.buffers[entries[0].buffer].data = np.frombuffer(metadata, np.uint8)


def _tables(description: Description, model: Any) -> tuple[Any, ...]:
    """Fill in the schema's tables: ModelMetadata, with one SubGraphMetadata of one input and one output."""
    pixels, num_labels = description.pixels, len(description.labels)
    graph = model.subgraphs[0]
    mean, std = _normalization(graph.tensors[graph.inputs[0]].quantization)
    image = (Byte(_IMAGE), (Byte(_RGB), (UInt(pixels.width_px), UInt(pixels.height_px))))
    process = [(Byte(_NORMALIZATION), ([mean], [std]))]
    input_text = f"Pixels 0 to 255, RGB; they are normalized inside. {fitting_in_words(pixels)}"
    stats = ([(255 - mean) / std], [(0 - mean) / std])
    in_order = "Names of the classes, a line each, in the order of the probabilities."
    labels = (LABELS_FILE, in_order, Byte(_TENSOR_AXIS_LABELS))
    output_text = f"Probabilities, after a temperature of {description.temperature:g}; they sum to 1."
    graph_tables = (
        None,
        None,
        [("image", input_text, None, image, process, stats)],
        [("probabilities", output_text, None, (Byte(_FEATURE), ()), None, ([1.0], [0.0]), [labels])],
    )
    facts = (FACTS_FILE, "How pictures are fitted, and the temperature, as JSON.", Byte(0))
    text = f"A picture in, the probabilities of {num_labels} classes out. {fitting_in_words(pixels)}"
    name = f"Image classifier of {num_labels} classes"
    return (name, text, None, [graph_tables], None, None, [facts], "1.0.0")


def _normalization(quantization: Any) -> tuple[float, float]:
    """Return mean and standard deviation by which pixels become the numbers that the input stands for.

    Libraries that quantize by themselves do so after this, which gives the pixels back; others do it for float32 alone.
    """
    if quantization is None or quantization.scale is None or not len(quantization.scale):
        return 0.0, 1.0
    return float(quantization.zeroPoint[0]), 1 / float(quantization.scale[0])
