"""The same photos as requests of each protocol."""

from __future__ import annotations

import json

import pytest

from benchmarks.protocols import FORM, PIXELS, encoded, infer_request, requests_of
from benchmarks.workload import shipped


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
    assert len({len(each) for each in requests.values()}) == 1
