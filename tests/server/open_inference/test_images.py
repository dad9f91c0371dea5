"""What a request's tensors hold: pixels, or encoded images."""

from __future__ import annotations

import base64
import struct

import numpy as np
import pytest

from models.pixels.preprocessing import PixelSpec
from server.classify import Upload
from server.engine.catalogue import ServedModel
from server.open_inference.images import check_pixels, images_of
from server.open_inference.request import InferenceRequest, InputTensor
from server.request_errors import RequestError, TooManyImages

RED = base64.b64encode(b"red").decode()
MODEL = ServedModel("colours", 1, ("red", "blue"), PixelSpec(2, 1))


def images(*tensors, max_images=4):
    return images_of(InferenceRequest(tensors), max_images=max_images)


def pixels(shape, **content):
    return InputTensor("pixels", "UINT8", shape, **content)


def encoded(shape, **content):
    return InputTensor("image", "BYTES", shape, **content)


@pytest.mark.parametrize(
    "content",
    [
        {"content": memoryview(bytes(range(12)))},
        {"data": list(range(12))},
        {"data": np.arange(12).reshape(2, 2, 1, 3).tolist()},
    ],
    ids=["bytes", "flat", "nested"],
)
def test_pixels_are_one_array_per_image(content):
    first, second = images(pixels((2, 2, 1, 3), **content))
    assert first.tolist() == [[[0, 1, 2]], [[3, 4, 5]]]
    assert second.tolist() == [[[6, 7, 8]], [[9, 10, 11]]]
    assert first.dtype == np.uint8
    check_pixels([first, second], MODEL)


@pytest.mark.parametrize(
    "tensor",
    [
        encoded((2,), content=memoryview(struct.pack("<I3sI4s", 3, b"red", 4, b"blue"))),
        encoded((2,), data=[RED, "data:image/png;base64," + base64.b64encode(b"blue").decode()]),
        encoded((2, 1), data=[[RED], [base64.b64encode(b"blue").decode()]]),
        encoded((2, 1), data=[RED, base64.b64encode(b"blue").decode()]),
    ],
    ids=["bytes", "base64", "nested", "flat"],
)
def test_encoded_images_are_one_upload_each(tensor):
    assert [bytes(upload.content) for upload in images(tensor)] == [b"red", b"blue"]


def test_body_that_is_one_image_is_one_upload():
    assert images(InputTensor("", "BYTES", (1,), content=memoryview(b"red"))) == [Upload(memoryview(b"red"))]


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ([], "must have one input, pixels or image, got 0"),
        ([encoded((1,), data=[RED])] * 2, "must have one input, pixels or image, got 2"),
        ([InputTensor("x", "UINT8", (1,), data=[1])], r"must be pixels \(UINT8\) or image \(BYTES\), got 'x'"),
        ([InputTensor("pixels", "FP32", (1,), data=[1])], "pixels must be of datatype UINT8, got FP32"),
        ([InputTensor("image", "UINT8", (1,), data=[1])], "image must be of datatype BYTES, got UINT8"),
        ([encoded((), data=[RED])], r"must begin with a number of images, got \[\]"),
        ([encoded((0,), data=[])], r"must begin with a number of images, got \[0\]"),
        ([encoded((1, 2), data=[RED, RED])], r"must be of shape \[-1\], got \[1, 2\]"),
        ([encoded((1,), data=[RED, RED])], "must be 1 base64 strings"),
        ([encoded((1,), data=[3])], "must be 1 base64 strings"),
        ([encoded((1,), data=["???"])], r"image\[0\] must be base64"),
        ([encoded((1,), content=memoryview(b"\x03\0\0\0re"))], "its 6 bytes are not"),
        ([encoded((2,), content=memoryview(b"\x03\0\0\0red"))], "must be 2 elements"),
        ([encoded((1,), content=memoryview(b"\x03\0\0\0red\0"))], "must be 1 elements"),
        ([encoded((1,), content=memoryview(b"\xff\xff\xff\xffred"))], "must be 1 elements"),
        ([pixels((1, 3), data=[1, 2, 3])], r"must be of shape \[-1, height, width, 3\], got \[1, 3\]"),
        ([pixels((1, 1, 1, 3), data=[1, 2])], "as many numbers as its shape"),
        ([pixels((1, 1, 1, 3), data=[1, [2], 3])], "must be of equal lengths"),
        ([pixels((1, 1, 1, 3), data=[1, 2, 3.5])], "must be whole numbers"),
        ([pixels((1, 1, 1, 3), data=["1", 2, 3])], "must be whole numbers"),
        ([pixels((1, 1, 1, 3), data=[1, 2, 2**70])], "must be whole numbers"),
        ([pixels((1, 1, 1, 3), data=[1, 2, 256])], "must be from 0 to 255, got 1 to 256"),
        ([pixels((1, 1, 1, 3), data=[-1, 2, 3])], "must be from 0 to 255, got -1 to 3"),
    ],
)
def test_what_is_no_image_is_refused(tensors, message):
    with pytest.raises(RequestError, match=message):
        images(*tensors)


def test_more_images_than_a_request_may_carry_are_refused():
    with pytest.raises(TooManyImages, match="at most 2 images, this one has 3"):
        images(encoded((3,), data=[RED] * 3), max_images=2)


def test_pixels_of_another_size_are_refused_with_the_right_one():
    other = images(pixels((1, 1, 2, 3), data=[1] * 6))
    with pytest.raises(RequestError, match=r"shape \[-1, 2, 1, 3\] for model 'colours', got \[1, 1, 2, 3\]"):
        check_pixels(other, MODEL)
