"""The same photos as requests of each protocol."""

from __future__ import annotations

import json

import pytest

from benchmarks.protocols import FORM, PIXELS, PIXELS_OF_MANY, encoded, infer_request, messages_of, requests_of
from benchmarks.workload import shipped
from server.grpc.messages import message_class


def parts_of(request):
    head, _, body = request.partition(b"\r\n\r\n")
    fields = dict(line.split(": ") for line in head.decode().split("\r\n")[1:])
    return fields, body


def test_encoded_photo_follows_the_json_after_its_length():
    fields, body = parts_of(encoded("flowers", b"photo"))
    length = int(fields["Inference-Header-Content-Length"])
    [tensor] = json.loads(body[:length])["inputs"]
    assert (tensor["name"], tensor["parameters"]) == ("image", {"binary_data_size": 9})
    assert body[length:] == b"\x05\0\0\0photo"
    assert int(fields["Content-Length"]) == len(body)


def test_pixels_follow_the_json_as_they_are():
    fields, body = parts_of(infer_request("flowers", "pixels", "UINT8", (1, 1, 1, 3), b"rgb"))
    assert body[int(fields["Inference-Header-Content-Length"]) :] == b"rgb"


@pytest.fixture(scope="module")
def requests():
    return requests_of(shipped())


def test_every_way_has_every_photo(requests):
    assert {FORM, PIXELS, "/v1"} < requests.keys()
    assert len({len(each) for way, each in requests.items() if way != PIXELS_OF_MANY}) == 1
    [of_many] = requests[PIXELS_OF_MANY]
    fields, body = parts_of(of_many)
    [tensor] = json.loads(body[: int(fields["Inference-Header-Content-Length"])])["inputs"]
    assert tensor["shape"][0] == 32


def test_message_of_grpc_has_the_photo():
    workload = shipped()
    messages = [message_class("inference.ModelInferRequest").FromString(each) for each in messages_of(workload)]
    assert [each.raw_input_contents[0][4:] for each in messages] == list(workload.photos)
