"""The images of an inference request: pixels of the model's size, or encoded as files are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from models.pixels.preprocessing import Pixels
from server.api.base64_text import decode_base64
from server.classify import Upload
from server.engine.catalogue import ServedModel
from server.open_inference.datatypes import BYTES, numbers_of, split_elements
from server.open_inference.request import MAX_NAME_CHARACTERS, InferenceRequest, InputTensor
from server.pixel_numbers import pixels_of_numbers
from server.request_errors import RequestError, TooManyImages

PIXELS, ENCODED = "pixels", "image"  # the inputs that a model has, of which a request has one
PIXELS_DATATYPE = "UINT8"


def images_of(request: InferenceRequest, *, max_images: int) -> Sequence[Upload | Pixels]:
    """Take the images out of a request; whether their pixels fit the model, `check_pixels` tells.

    Returns:
        At least one and at most ``max_images``: encoded, or uint8 [H, W, 3].

    Raises:
        RequestError: the input is none of those that a model has.
        TooManyImages: there are more.
    """
    if len(request.inputs) != 1:
        raise RequestError(f"a request must have one input, {PIXELS} or {ENCODED}, got {len(request.inputs)}")
    tensor = request.inputs[0]
    # A body that is one image has no name for it.
    expected = {PIXELS: PIXELS_DATATYPE, ENCODED: BYTES, "": BYTES}.get(tensor.name)
    if expected is None:
        got = tensor.name[:MAX_NAME_CHARACTERS]
        raise RequestError(f"the input must be {PIXELS} ({PIXELS_DATATYPE}) or {ENCODED} ({BYTES}), got {got!r}")
    if tensor.datatype != expected:
        raise RequestError(f"the input {tensor.name} must be of datatype {expected}, got {tensor.datatype}")
    num_images = tensor.shape[0] if tensor.shape else 0
    if num_images > max_images:
        raise TooManyImages(f"a request may carry at most {max_images} images, this one has {num_images}")
    if not num_images:
        raise RequestError(
            f"the shape of the input {tensor.name} must begin with a number of images, got {_shape(tensor)}"
        )
    return _encoded(tensor) if tensor.datatype == BYTES else list(_pixels(tensor))


def check_pixels(images: Sequence[Upload | Pixels], model: ServedModel) -> None:
    """Check that pixels are of the size that the model takes.

    Raises:
        RequestError: they are not; says what they must be.
    """
    first = images[0]
    size = model.pixels.height_px, model.pixels.width_px, 3
    if isinstance(first, np.ndarray) and first.shape != size:
        wanted, got = ([-1, *size], [len(images), *first.shape])
        raise RequestError(f"{PIXELS} must be of shape {wanted} for model {model.name!r}, got {got}")


def _encoded(tensor: InputTensor) -> list[Upload]:
    if tensor.shape not in ((tensor.shape[0],), (tensor.shape[0], 1)):
        raise RequestError(f"{ENCODED} must be of shape [-1], got {_shape(tensor)}")
    if tensor.content is not None and not tensor.name:
        return [Upload(tensor.content)]
    if tensor.content is not None:
        return [Upload(element) for element in split_elements(tensor.content, tensor.shape[0], ENCODED)]
    texts = _flat(tensor.data, depth=len(tensor.shape))
    if len(texts) != tensor.shape[0] or not all(isinstance(text, str) for text in texts):
        raise RequestError(f"the data of {ENCODED} must be {tensor.shape[0]} base64 strings")
    return [Upload(decode_base64(text, f"{ENCODED}[{index}]")) for index, text in enumerate(texts)]


def _pixels(tensor: InputTensor) -> Pixels:
    if len(tensor.shape) != 4 or tensor.shape[3] != 3:
        raise RequestError(f"{PIXELS} must be of shape [-1, height, width, 3], got {_shape(tensor)}")
    if tensor.content is not None:
        return numbers_of(tensor.content, PIXELS_DATATYPE, tensor.shape)  # type: ignore[return-value]
    numbers = pixels_of_numbers(tensor.data, f"the data of {PIXELS}")
    if numbers.size != math.prod(tensor.shape):
        raise RequestError(f"the data of {PIXELS} must be as many numbers as its shape {_shape(tensor)} says")
    return numbers.reshape(tensor.shape)


def _flat(data: Any, *, depth: int) -> list[Any]:
    """Flatten what is nested as its shape says; what is flat already stays so."""
    for _ in range(depth - 1):
        if data and all(isinstance(item, list) for item in data):
            data = [element for item in data for element in item]
    return list(data)


def _shape(tensor: InputTensor) -> list[int]:
    return list(tensor.shape[:8])
