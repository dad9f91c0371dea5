"""Makes of a foreign `.tflite` one that takes uint8 pixels and gives probabilities, and tries it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.errors import CorruptArtifact, RunFailed
from models.importing.any_batch import free_batch
from models.importing.class_output import ClassOutput, class_output, give_numbers, give_probabilities, kind_of_numbers
from models.importing.editing import EditedGraph
from models.importing.image_input import ImageInput, image_input, take_pixels
from models.importing.loaded import loaded
from models.importing.pixel_range import PixelRange
from models.importing.refused import ForeignModelRefused
from models.importing.safe_graph import check
from models.pixels.spec import PixelSpec
from models.portable.checked_graph import Graph
from models.portable.golden import fitted_pixels, one_by_one
from models.portable.painting import PAINTED
from models.runtime.tensors import Images, Probabilities

_BATCH_SIZE = 3
_BATCH_DISTANCE = 0.05  # total variation: in a batch, int8 may round otherwise
_SUM_TOLERANCE = 1e-3
_WITH_WEIGHTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


MODEL_FORMAT = "litert"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is known of a foreign file beside itself.

    Attributes:
        labels: in the order of its outputs.
        range: of its input.
        has_background: whether its first output is of a background that no label names.
        size_px: height and width, for an input of any size.
    """

    labels: tuple[str, ...]
    range: PixelRange
    has_background: bool = False
    size_px: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Classifier:
    """A file that serves, and what it was.

    Attributes:
        content: the file.
        height_px: rows of its input.
        width_px: columns.
        num_channels: that the network took, 3 or 1.
        is_channels_first: whether they came first.
        num_classes: probabilities that it gives.
        precision: "float32", "float16", "dynamic", "int8" or "uint8".
        drops_label: whether the first label is left out.
        took: what it took, in words.
        gave: what it gave, in words.
        model_format: of the file, as in manifest.json.
    """

    content: bytes
    height_px: int
    width_px: int
    num_channels: int
    is_channels_first: bool
    num_classes: int
    precision: str
    drops_label: bool
    took: str
    gave: str
    model_format: str = MODEL_FORMAT

    @classmethod
    def of(cls, content: bytes, image: ImageInput, found: ClassOutput, **rest: Any) -> Classifier:
        """Tell what a file was that took `image` and gave `found`."""
        return cls(
            content=content,
            height_px=image.height_px,
            width_px=image.width_px,
            num_channels=image.num_channels,
            is_channels_first=image.is_channels_first,
            drops_label=found.drops_label,
            gave=str(found),
            **rest,
        )

    def facts(self) -> dict[str, Any]:
        """Return all but the file, as JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "content"}


def as_classifier(content: bytes, wanted: Wanted) -> Classifier:
    """Change a file so that it serves; weights stay bit for bit.

    Raises:
        ForeignModelRefused: it is broken, not accepted, or no classifier of pictures.
    """
    read = check(content)
    graph = EditedGraph(content)
    image = image_input(graph, wanted.size_px)
    found = class_output(graph, wanted.labels, has_background=wanted.has_background)
    took = f"{image}{_quantization_in_words(graph, image.index)}"
    take_pixels(graph, image, wanted.range)
    free_batch(graph)
    give_numbers(graph, found)
    pixels = [fitted_pixels(name, PixelSpec(image.height_px, image.width_px)) for name in PAINTED]
    if found.kind == "logits":
        found = replace(found, kind=kind_of_numbers(answers_of(graph, pixels)))
    give_probabilities(graph, found)
    made = graph.packed()
    num_classes = graph.shape(graph.outputs[0])[-1]
    try_out(made, pixels, num_classes=num_classes)
    return Classifier.of(made, image, found, num_classes=num_classes, precision=precision_of(read), took=took)


def wanted_from_dict(values: Mapping[str, Any]) -> Wanted:
    """Read the JSON form of `Wanted`."""
    size = values["size_px"]
    return Wanted(
        labels=tuple(values["labels"]),
        range=PixelRange.from_dict(values["range"]),
        has_background=values["has_background"],
        size_px=(size[0], size[1]) if size else None,
    )


def try_out(content: bytes, pixels: Images, *, num_classes: int, model_format: str = MODEL_FORMAT) -> None:
    """Run a file on pictures, alone and together.

    Args:
        content: of the file.
        pixels: of the pictures.
        num_classes: of the probabilities that it must give.
        model_format: of the file, as in manifest.json.

    Raises:
        ForeignModelRefused: it gives no probabilities, or others to a picture that is not alone.
    """
    shape: tuple[int, int, int] = pixels[0].shape
    tensors = {"input_shape": shape, "num_classes": num_classes}
    alone = _answers(content, model_format, pixels, tensors, batch_size=1)
    if not np.isfinite(alone).all() or np.abs(alone.sum(axis=1) - 1).max() > _SUM_TOLERANCE:
        raise ForeignModelRefused("it gives numbers of which no probabilities can be made")
    together = _answers(content, model_format, pixels[:_BATCH_SIZE], tensors, batch_size=_BATCH_SIZE)
    if np.abs(together - alone[:_BATCH_SIZE]).sum(axis=1).max() / 2 > _BATCH_DISTANCE:
        raise ForeignModelRefused("it answers otherwise to a picture that is not alone: convert it for any batch size")


def answers_of(graph: EditedGraph, pixels: Images) -> Probabilities:
    """Run a graph on pictures, one by one; what it gives need not be probabilities."""
    [output] = graph.outputs
    tensors = {"input_shape": pixels[0].shape, "num_classes": graph.shape(output)[-1]}
    return _answers(graph.packed(), MODEL_FORMAT, pixels, tensors, batch_size=1)


def _answers(
    content: bytes, model_format: str, pixels: Images, tensors: dict[str, Any], *, batch_size: int
) -> Probabilities:
    """Run a file on pictures."""
    library = {"litert": "LiteRT", "onnx": "ONNX Runtime"}[model_format]
    try:
        with loaded(content, model_format, **tensors, num_threads=1) as runtime:
            return one_by_one(runtime, pixels) if batch_size == 1 else runtime.run(pixels)
    except CorruptArtifact:
        raise ForeignModelRefused(f"{library} cannot load it") from None
    except RunFailed:
        if batch_size == 1:
            raise ForeignModelRefused(f"{library} cannot run it") from None
        raise ForeignModelRefused(
            "it computes one picture at a time, and a server runs several: convert it for any batch size"
        ) from None


def _quantization_in_words(graph: EditedGraph, index: int) -> str:
    found = graph.quantization(index)
    return f", scale {found[0]:.6g}, zero point {found[1]}" if found else ""


def precision_of(graph: Graph) -> str:
    """Tell the precision of the weights, from what convolutions and dense layers read."""
    kinds: list[tuple[str, str]] = [
        (graph.tensors[operator.inputs[0]].type, graph.tensors[operator.inputs[1]].type)
        for operator in graph.operators
        if operator.name in _WITH_WEIGHTS and len(operator.inputs) > 1
    ]
    for image, weights in kinds:
        if image in ("INT8", "UINT8"):
            return image.lower()
        if weights in ("INT8", "UINT8", "INT4"):
            return "dynamic"
    constants: Sequence[str] = [tensor.type for tensor in graph.tensors if tensor.data is not None]
    return "float16" if "FLOAT16" in constants else "float32"
