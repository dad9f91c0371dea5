"""The stub model of the end-to-end tests, which tells colours apart: its repository, pictures for it, and requests."""

from __future__ import annotations

import http.client
import json

from pictures import encode
from PIL import Image

from models.pixels.preprocessing import PixelSpec
from models.store.manifest import Manifest, ModelFile
from models.store.repository import Repository

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


def publish_stub(folder, name="colours", **fields):
    """Publish the next version; gives the artifact."""
    folder.mkdir(exist_ok=True)
    stub = folder / "stub"
    stub.write_bytes(b"not a model")
    formats = {"litert": ModelFile("model.tflite", "int8")}
    manifest = Manifest(
        **{"labels": tuple(COLOURS), **fields},
        name=name,
        version=1,
        architecture={},
        pixels=PixelSpec(8, 8),
        formats=formats,
    )
    return Repository(folder / "models").publish(manifest, {"model.tflite": stub})


def picture(colour):
    return encode(Image.new("RGB", (8, 8), colour), "PNG")


RED = picture(COLOURS["red"])
FORM_TYPE = {"Content-Type": "multipart/form-data; boundary=XYZ"}
FORM_RED = (
    b'--XYZ\r\nContent-Disposition: form-data; name="image"; filename="red.png"\r\n\r\n' + RED + b"\r\n--XYZ--\r\n"
)


def head_of(body, *headers):
    lines = ["POST /predict HTTP/1.1", "Host: x", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def read_answer(connection):
    response = http.client.HTTPResponse(connection)
    response.begin()
    return response.status, json.loads(response.read())


def label_of(answer):
    status, document = answer
    assert status == 200, document
    return document["predictions"][0]["label"]
