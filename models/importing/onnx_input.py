"""Puts in front of a foreign ONNX graph what makes its input of pixels: uint8 [N, H, W, 3], RGB, 0 to 255."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto

from models.importing.image_input import ImageInput, picture_of
from models.importing.pixel_range import ALLOWED, AS_QUANTIZED, PixelRange
from models.importing.refused import ForeignModelRefused
from models.portable.onnx_file import IMAGE
from models.portable.onnx_graph import OnnxGraph

_KINDS = {TensorProto.FLOAT: "FLOAT32", TensorProto.FLOAT16: "FLOAT16", TensorProto.UINT8: "UINT8"}


def onnx_image_input(graph: OnnxGraph, size_px: tuple[int, int] | None) -> ImageInput:
    """Find the input of a classifier.

    Raises:
        ForeignModelRefused: it takes anything else than one picture at a time.
    """
    given = list(graph.model.graph.input)
    tensors = []
    for each in given:
        tensor_type = each.type.tensor_type
        kind = _KINDS.get(tensor_type.elem_type, f"type {tensor_type.elem_type}")
        sides = tuple(side.dim_value if side.HasField("dim_value") else -1 for side in tensor_type.shape.dim)
        tensors.append((kind, sides))
    return picture_of(tensors, allowed_kinds=tuple(_KINDS.values()), size_px=size_px)


def take_pixels(graph: OnnxGraph, image: ImageInput, given: PixelRange) -> None:
    """Let a graph take uint8 pixels, [N, H, W, 3].

    Raises:
        ForeignModelRefused: the range does not go with the input.
    """
    source = graph.image.name
    nodes: list[Any] = []

    def step(operator: str, *inputs: str, **attributes: Any) -> str:
        nodes.append(graph.node(operator, inputs, f"image/{len(nodes)}", **attributes))
        return f"image/{len(nodes) - 1}"

    axis = 1 if image.is_channels_first else 3
    current = IMAGE
    if image.is_channels_first:
        current = step("Transpose", current, perm=[0, 3, 1, 2])
    if image.kind == "UINT8":
        if given.name != AS_QUANTIZED or image.num_channels != 3:
            raise ForeignModelRefused("it takes uint8, which are bytes as they are: leave --range out")
        if given.channels == "BGR":
            current = step("Gather", current, graph.constant("image/order", np.array([2, 1, 0], np.int64)), axis=axis)
    else:
        weights, offsets = _affine(image, given)
        sides = [1, 1, 1, 1]
        sides[axis] = image.num_channels
        current = step("Cast", current, to=TensorProto.FLOAT)
        if image.num_channels == 1:
            current = _gray(graph, step, current, weights, axis)
        else:
            if given.channels == "BGR":
                order = graph.constant("image/order", np.array([2, 1, 0], np.int64))
                current = step("Gather", current, order, axis=axis)
            scale = weights.max(axis=1).reshape(sides)  # a range scales each channel by a number of its own
            current = step("Mul", current, graph.constant("image/scale", scale.astype(np.float32)))
        current = step("Add", current, graph.constant("image/offset", offsets.reshape(sides).astype(np.float32)))
        if image.kind == "FLOAT16":
            current = step("Cast", current, to=TensorProto.FLOAT16)
    graph.set_input(IMAGE, TensorProto.UINT8, (image.height_px, image.width_px, 3))
    graph.nodes[:0] = nodes
    graph.read_instead(source, current)


def _gray(graph: OnnxGraph, step: Any, pixels: str, weights: Any, axis: int) -> str:
    """Make gray of three channels."""
    if axis == 1:
        kernel = graph.constant("image/gray", weights.reshape(1, 3, 1, 1).astype(np.float32))
        return str(step("Conv", pixels, kernel))
    return str(step("MatMul", pixels, graph.constant("image/gray", weights.reshape(3, 1).astype(np.float32))))


def _affine(image: ImageInput, given: PixelRange) -> Any:
    if given.name == AS_QUANTIZED:
        raise ForeignModelRefused(f"it takes float32, and pixels of a range: give --range {ALLOWED}")
    try:
        return given.affine(image.num_channels)
    except ValueError as error:
        raise ForeignModelRefused(str(error)) from error
