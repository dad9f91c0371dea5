"""Puts in front of a foreign graph what makes its input of pixels: uint8 [N, H, W, 3], RGB, 0 to 255."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from models.importing.editing import EditedGraph
from models.importing.pixel_range import ALLOWED, AS_QUANTIZED, PixelRange
from models.importing.refused import ForeignModelRefused
from models.pixels.spec import MAX_TARGET_PX

_LIMITS = {"UINT8": (0, 255), "INT8": (-128, 127)}
_SAME = 0.51  # steps that a byte may be off the integer that it stands for, as -1..1 is in int8


@dataclass(frozen=True, slots=True)
class ImageInput:
    """What a graph takes.

    Attributes:
        index: of the tensor, in a LiteRT file.
        kind: "FLOAT32", "FLOAT16", "UINT8" or "INT8".
        height_px: rows.
        width_px: columns.
        num_channels: 3, or 1 for gray pictures.
        is_channels_first: whether it is [N, C, H, W].
    """

    index: int
    kind: str
    height_px: int
    width_px: int
    num_channels: int
    is_channels_first: bool

    def __str__(self) -> str:
        order = ", channels first" if self.is_channels_first else ""
        kind = self.kind.lower()
        return f"{kind} pictures of {self.height_px} x {self.width_px} px, {self.num_channels} channels{order}"


def image_input(graph: EditedGraph, size_px: tuple[int, int] | None = None) -> ImageInput:
    """Find the input of a classifier.

    Args:
        graph: whose input gets a size, if it has none.
        size_px: height and width, for an input of any size.

    Raises:
        ForeignModelRefused: it takes anything else than one picture at a time.
    """
    tensors = [(graph.kind(index), graph.signature(index)) for index in graph.inputs]
    image = replace(picture_of(tensors, allowed_kinds=("FLOAT32", *_LIMITS), size_px=size_px), index=graph.inputs[0])
    size = (image.height_px, image.width_px)
    graph.set_shape(
        image.index, (1, image.num_channels, *size) if image.is_channels_first else (1, *size, image.num_channels)
    )
    return image


def picture_of(
    tensors: Sequence[tuple[str, Sequence[int]]], *, allowed_kinds: Sequence[str], size_px: tuple[int, int] | None
) -> ImageInput:
    """Tell what pictures a graph takes by its inputs, as kind and sizes, of which -1 is any.

    Raises:
        ForeignModelRefused: it takes anything else than one picture at a time.
    """
    takes = [f"{kind.lower()} {list(signature)}" for kind, signature in tensors]
    kinds = [kind.lower() for kind in allowed_kinds]
    allowed = f"a classifier takes one picture, {', '.join(kinds[:-1])} or {kinds[-1]} [N, H, W, 3]"
    if len(takes) != 1:
        raise ForeignModelRefused(f"it takes {len(takes)} inputs ({', '.join(takes)[:200]}); {allowed}")
    [(kind, signature)] = tensors
    if len(signature) != 4 or kind not in allowed_kinds:
        raise ForeignModelRefused(f"it takes {takes[0]}; {allowed}")
    batch, *sides = signature
    if batch not in (1, -1):
        raise ForeignModelRefused(f"it takes {batch} pictures at once; {allowed}, where N is 1 or any number")
    is_first = sides[2] not in (1, 3) and sides[0] in (1, 3)
    channels, height, width = sides if is_first else (sides[2], sides[0], sides[1])
    if channels not in (1, 3):
        raise ForeignModelRefused(f"it takes {takes[0]}; {allowed}, with 3 channels or 1")
    if -1 in (height, width):
        if size_px is None:
            raise ForeignModelRefused(f"it takes pictures of any size, {takes[0]}: give --size PX or HxW")
        height, width = size_px
    elif size_px not in (None, (height, width)):
        raise ForeignModelRefused(f"it takes pictures of {height} x {width} px alone: leave --size out")
    if not (1 <= height <= MAX_TARGET_PX and 1 <= width <= MAX_TARGET_PX):
        raise ForeignModelRefused(f"it takes pictures of {height} x {width} px; at most {MAX_TARGET_PX} a side can be")
    return ImageInput(0, kind, height, width, channels, is_first)


def take_pixels(graph: EditedGraph, image: ImageInput, given: PixelRange) -> None:
    """Let a graph take uint8 pixels, [N, H, W, 3].

    One convolution of 1 x 1 pixels scales them, brings their channels into order, and makes gray of three.

    Raises:
        ForeignModelRefused: the range does not go with the input.
    """
    quantization = graph.quantization(image.index) if image.kind in _LIMITS else None
    if image.kind in _LIMITS and quantization is None:
        raise ForeignModelRefused(f"its input is {image.kind.lower()} without scale and zero point")
    is_plain = image.num_channels == 3 and not image.is_channels_first
    if quantization and is_plain and takes_bytes_as_they_are(image, given, quantization):
        take_bytes(graph, image, quantization)
        return
    if given.name == AS_QUANTIZED:
        if quantization is None:
            raise ForeignModelRefused(f"it takes float32, and pixels of a range: give --range {ALLOWED}")
        given = range_of(image, quantization, given)
    try:
        weights, offsets = given.affine(image.num_channels)
    except ValueError as error:
        raise ForeignModelRefused(str(error)) from error
    size = (image.height_px, image.width_px)
    pixels = graph.tensor("image", "UINT8", (1, *size, 3))
    numbers = graph.tensor("image/float", "FLOAT32", (1, *size, 3))
    steps = [graph.operator("CAST", [pixels], [numbers], schema.CastOptionsT(3, 0))]
    constants = [
        graph.constant("image/scale", weights[:, None, None, :]),
        graph.constant("image/offset", offsets),
    ]
    shape = (1, *size, image.num_channels)
    is_last = not image.is_channels_first and not quantization
    scaled = image.index if is_last else graph.tensor("image/scaled", "FLOAT32", shape)
    # VALID: nothing is put around the picture, which would be another color than black.
    options = schema.Conv2DOptionsT(schema.Padding.VALID, strideW=1, strideH=1)
    steps.append(graph.operator("CONV_2D", [numbers, *constants], [scaled], options))
    if quantization:
        target = image.index
        if image.is_channels_first:
            target = graph.tensor("image/quantized", image.kind, shape, quantization=quantization)
        steps.append(graph.operator("QUANTIZE", [scaled], [target], schema.QuantizeOptionsT()))
        scaled = target
    if image.is_channels_first:
        order = graph.constant("image/order", np.array([0, 3, 1, 2], np.int32))
        steps.append(graph.operator("TRANSPOSE", [scaled, order], [image.index], schema.TransposeOptionsT()))
    graph.operators[:0] = steps
    graph.inputs = [pixels]


def take_bytes(graph: EditedGraph, image: ImageInput, quantization: tuple[float, int]) -> None:
    """Let a graph of integers take bytes as they are; int8 is 128 less."""
    if image.kind == "UINT8":
        graph.rename(image.index, "image")
        return
    scale, zero_point = quantization
    shape = (1, image.height_px, image.width_px, 3)
    pixels = graph.tensor("image", "UINT8", shape, quantization=(scale, zero_point + 128))
    graph.operators.insert(0, graph.operator("QUANTIZE", [pixels], [image.index], schema.QuantizeOptionsT()))
    graph.inputs = [pixels]


def takes_bytes_as_they_are(image: ImageInput, given: PixelRange, quantization: tuple[float, int]) -> bool:
    """Tell whether the bytes of a range are the integers that the input wants."""
    if given.channels != "RGB":
        return False
    if given.name == AS_QUANTIZED:
        return True
    stored = stored_for(given, quantization)
    low, _ = _LIMITS[image.kind]
    return bool(np.abs(stored - (np.arange(256) + low)[:, None]).max() <= _SAME)


def stored_for(given: PixelRange, quantization: tuple[float, int]) -> npt.NDArray[np.float64]:
    """Return what is stored for each byte, [256, 3], before it is rounded."""
    scale, zero_point = quantization
    grays = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    return given.apply(grays).astype(np.float64) / scale + zero_point


def range_of(image: ImageInput, quantization: tuple[float, int], given: PixelRange) -> PixelRange:
    """Return the range that an integer input stands for."""
    scale, zero_point = quantization
    low, high = ((end - zero_point) * scale for end in _LIMITS[image.kind])
    return PixelRange(f"{low:.9f}..{high:.9f}", given.channels)
