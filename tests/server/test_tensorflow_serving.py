"""What predict requests of TensorFlow Serving's REST API hold."""

from __future__ import annotations

import base64
import json

import pytest

from server.classify import Upload
from server.request_errors import MissingImage, RequestError, TooManyImages
from server.tensorflow_serving import read_predict

RED = {"b64": base64.b64encode(b"red").decode()}
PIXELS = [[[1, 2, 3]], [[4, 5, 6]]]


def read(document, max_images=3):
    return read_predict(json.dumps(document).encode(), max_images=max_images)


@pytest.mark.parametrize(
    ("document", "answer"),
    [
        ({"instances": [RED, RED]}, "predictions"),
        ({"instances": [{"image": RED}, {"image": RED}], "signature_name": "serving_default"}, "predictions"),
        ({"inputs": [RED, RED], "signature_name": ""}, "outputs"),
        ({"inputs": {"image": [RED, RED]}}, "outputs"),
    ],
)
def test_encoded_images_come_in_rows_and_in_columns(document, answer):
    assert read(document) == (answer, [Upload(b"red"), Upload(b"red")])


@pytest.mark.parametrize("inputs", [RED, {"image": RED}])
def test_column_of_one_image_needs_no_list(inputs):
    assert read({"inputs": inputs}) == ("outputs", [Upload(b"red")])


@pytest.mark.parametrize(
    "document",
    [
        {"instances": [PIXELS]},
        {"instances": [{"pixels": PIXELS}]},
        {"inputs": [PIXELS]},
        {"inputs": {"pixels": [PIXELS]}},
    ],
)
def test_pixels_come_in_rows_and_in_columns(document):
    [pixels] = read(document)[1]
    assert pixels.tolist() == PIXELS


@pytest.mark.parametrize(
    ("document", "error", "message"),
    [
        ({}, RequestError, "must have instances or inputs, got neither"),
        ({"instances": [RED], "inputs": [RED]}, RequestError, "instances or inputs, and not both"),
        ({"instance": [RED]}, RequestError, "got 'instance'"),
        ({"instances": [RED], "signature_name": "other"}, RequestError, "signature_name must be serving_default"),
        ({"instances": RED}, RequestError, "instances must be a list of images"),
        ({"instances": []}, MissingImage, "instances must not be empty"),
        ({"instances": [RED] * 4}, TooManyImages, "at most 3 images, this one has 4"),
        ({"instances": ["red"]}, RequestError, r"instances\[0\] must be pixels, or an encoded image"),
        ({"instances": [{"b64": 3}]}, RequestError, r'instances\[0\] must be {"b64": "<base64>"}'),
        ({"instances": [{"b64": "?"}]}, RequestError, r"instances\[0\] must be base64"),
        ({"instances": [{"photo": RED}]}, RequestError, "one input, image or pixels, got 'photo'"),
        ({"instances": [{}]}, RequestError, "one input, image or pixels, got ''"),
        ({"inputs": {"image": [RED], "pixels": [PIXELS]}}, RequestError, "one input, image or pixels, got"),
        ({"instances": [[1, 2, 3]]}, RequestError, r"shape \[height, width, 3\], got \[3\]"),
        ({"instances": [[[[0.5, 0.5, 0.5]]]]}, RequestError, "whole numbers from 0 to 255"),
        ({"instances": [PIXELS, RED]}, RequestError, "all encoded images or all pixels of one size"),
        ({"instances": [PIXELS, PIXELS[:1]]}, RequestError, "all encoded images or all pixels of one size"),
    ],
)
def test_what_is_wrong_is_said(document, error, message):
    with pytest.raises(error, match=message):
        read(document)
