"""TensorFlow Serving's REST API without its transport: what a predict request holds, and what is told of a model.

https://www.tensorflow.org/tfx/serving/api_rest
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from models.pixels.preprocessing import Pixels
from server.api.base64_text import decode_base64
from server.classify import Upload
from server.engine.catalogue import ServedModel
from server.json_document import parse_object
from server.open_inference.images import ENCODED, PIXELS
from server.open_inference.response import PROBABILITIES
from server.pixel_numbers import pixels_of_numbers
from server.request_errors import MissingImage, RequestError, TooManyImages

SIGNATURE = "serving_default"
ROWS, COLUMNS = "instances", "inputs"  # of which a request has one: its answer has the other of these
ANSWERS = {ROWS: "predictions", COLUMNS: "outputs"}
BASE64 = "b64"
INSTEAD = 'encoded images ({"b64": ...})'


def read_predict(body: bytes | bytearray, *, max_images: int) -> tuple[str, Sequence[Upload | Pixels]]:
    """Read a predict request.

    Returns:
        Under which name the answer goes, and at least one and at most ``max_images`` images: encoded, or uint8
        [H, W, 3], which `server.open_inference.images.check_pixels` compares with the model.

    Raises:
        RequestError: it is not as the API has it; says what is wrong, and what is allowed.
        TooManyImages, MissingImage: there are more images, or none.
    """
    document = parse_object(body, instead=INSTEAD)
    if unknown := [key for key in document if key not in (ROWS, COLUMNS, "signature_name")]:
        raise RequestError(f"the request may have signature_name and {ROWS} or {COLUMNS}, got {unknown[0][:40]!r}")
    if document.get("signature_name", SIGNATURE) not in ("", SIGNATURE):
        raise RequestError(f"the signature_name must be {SIGNATURE}")
    form = [key for key in (ROWS, COLUMNS) if key in document]
    if len(form) != 1:
        raise RequestError(f"the request must have {ROWS} or {COLUMNS}, {'and not both' if form else 'got neither'}")
    values = document[form[0]]
    if form == [COLUMNS]:
        values = _named(values, COLUMNS) if isinstance(values, dict) and BASE64 not in values else values
        values = [values] if isinstance(values, dict) else values
    if not isinstance(values, list):
        raise RequestError(f"{form[0]} must be a list of images")
    if not values:
        raise MissingImage(f"{form[0]} must not be empty")
    if len(values) > max_images:
        raise TooManyImages(f"a request may carry at most {max_images} images, this one has {len(values)}")
    images = [_image(value, f"{form[0]}[{index}]") for index, value in enumerate(values)]
    if len({image.shape if isinstance(image, np.ndarray) else None for image in images}) > 1:
        raise RequestError(f"{form[0]} must be all encoded images or all pixels of one size")
    return ANSWERS[form[0]], images


def model_status(models: Sequence[ServedModel]) -> dict[str, Any]:
    """Tell which versions are served."""
    status = {"error_code": "OK", "error_message": ""}
    return {
        "model_version_status": [
            {"version": str(model.version), "state": "AVAILABLE", "status": status} for model in models
        ]
    }


def model_metadata(model: ServedModel) -> dict[str, Any]:
    """Tell what a model takes, of which a request has one, and what it gives."""
    size = (model.pixels.height_px, model.pixels.width_px, 3)
    signature = {
        "inputs": {ENCODED: _tensor("DT_STRING", (-1,)), PIXELS: _tensor("DT_UINT8", (-1, *size))},
        "outputs": {PROBABILITIES: _tensor("DT_FLOAT", (-1, len(model.labels)))},
        "method_name": "tensorflow/serving/predict",
    }
    return {
        "model_spec": {"name": model.name, "signature_name": "", "version": str(model.version)},
        "metadata": {"signature_def": {"signature_def": {SIGNATURE: signature}}},
    }


def _named(values: Mapping[str, Any], where: str) -> Any:
    """Take the value of the one input that is named."""
    if len(values) != 1 or next(iter(values)) not in (ENCODED, PIXELS):
        raise RequestError(f"{where} must have one input, {ENCODED} or {PIXELS}, got {', '.join(values)[:80]!r}")
    return next(iter(values.values()))


def _image(value: Any, where: str) -> Upload | Pixels:
    if isinstance(value, dict) and BASE64 not in value:
        value = _named(value, where)
    if isinstance(value, dict):
        text = value.get(BASE64)
        if len(value) != 1 or not isinstance(text, str):
            raise RequestError(f'{where} must be {{"{BASE64}": "<base64>"}}')
        return Upload(decode_base64(text, where))
    if not isinstance(value, list):
        raise RequestError(f'{where} must be pixels, or an encoded image as {{"{BASE64}": "<base64>"}}')
    pixels = pixels_of_numbers(value, where)
    if pixels.ndim != 3:
        raise RequestError(f"{where} must be of shape [height, width, 3], got {list(pixels.shape)}")
    return pixels


def _tensor(dtype: str, shape: Sequence[int]) -> dict[str, Any]:
    dimensions = [{"size": str(size), "name": ""} for size in shape]
    return {"dtype": dtype, "tensor_shape": {"dim": dimensions, "unknown_rank": False}, "name": ""}
