"""Calls a server by tritonclient over HTTP, waiting and by asyncio, and prints as JSON what came back.

It runs in an environment of its own (requirements/clients.txt): `python triton_http.py HOST:PORT MODEL PHOTO`.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tritonclient.http as http
import tritonclient.http.aio as http_aio
from tritonclient.utils import InferenceServerException

OUTPUT = "probabilities"


def image_input(photos: list[bytes], *, is_binary: bool = True) -> http.InferInput:
    tensor = http.InferInput("image", [len(photos)], "BYTES")
    tensor.set_data_from_numpy(np.array(photos, object), binary_data=is_binary)
    return tensor


def pixel_input(pixels: np.ndarray, *, is_binary: bool = True) -> http.InferInput:
    tensor = http.InferInput("pixels", list(pixels.shape), "UINT8")
    tensor.set_data_from_numpy(pixels, binary_data=is_binary)
    return tensor


def questions(model: str, photo: bytes) -> dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]]:
    """Name the calls that both clients make: method, arguments."""
    return {
        "live": ("is_server_live", (), {}),
        "ready": ("is_server_ready", (), {}),
        "model_ready": ("is_model_ready", (model,), {}),
        "version_ready": ("is_model_ready", (model, "1"), {}),
        "other_ready": ("is_model_ready", ("nobody",), {}),
        "server": ("get_server_metadata", (), {}),
        "metadata": ("get_model_metadata", (model,), {}),
        "config": ("get_model_config", (model,), {"query_params": {"of": "a newer server"}}),
        "index": ("get_model_repository_index", (), {}),
        "unknown": ("get_model_metadata", ("nobody",), {}),
        "shared_memory": ("get_system_shared_memory_status", (), {}),
        "bytes": ("infer", (model, [image_input([photo, photo])]), {"request_id": "seven"}),
        "json": (
            "infer",
            (model, [image_input([photo])]),
            {"outputs": [http.InferRequestedOutput(OUTPUT, binary_data=False)]},
        ),
        "classes": (
            "infer",
            (model, [image_input([photo])]),
            {"outputs": [http.InferRequestedOutput(OUTPUT, class_count=3)], "model_version": "1"},
        ),
        "gzip": (
            "infer",
            (model, [image_input([photo])]),
            {"request_compression_algorithm": "gzip", "response_compression_algorithm": "gzip"},
        ),
        "deflate": (
            "infer",
            (model, [image_input([photo])]),
            {"request_compression_algorithm": "deflate", "response_compression_algorithm": "deflate"},
        ),
        "late": ("infer", (model, [image_input([photo])]), {"timeout": 1}),
        "bad": ("infer", (model, [image_input([b"no photo"])]), {}),
        "none": ("infer", (model, [image_input([photo])]), {"outputs": [http.InferRequestedOutput("logits")]}),
        "statistics": ("get_inference_statistics", (model,), {}),
    }


def told(answer: Any) -> Any:
    """Write an answer as JSON can have it."""
    if isinstance(answer, http.InferResult | http_aio.InferResult):
        output = answer.as_numpy(OUTPUT)
        is_text = output.dtype == object
        rows = [[each.decode() for each in row] for row in output] if is_text else output.tolist()
        return {"rows": rows, "response": answer.get_response()}
    return answer


def waiting(url: str, model: str, photo: bytes) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    with http.InferenceServerClient(url) as client:
        for name, (method, arguments, options) in questions(model, photo).items():
            try:
                answers[name] = told(getattr(client, method)(*arguments, **options))
            except InferenceServerException as error:
                answers[name] = {"status": error.status(), "error": error.message()}
        size = client.get_model_metadata(model)["inputs"][0]["shape"][1:]
        pixels = np.arange(2 * int(np.prod(size)), dtype=np.int64).astype(np.uint8).reshape(2, *size)
        for is_binary in (True, False):
            answers[f"pixels {is_binary}"] = told(client.infer(model, [pixel_input(pixels, is_binary=is_binary)]))
        answers["async"] = told(client.async_infer(model, [image_input([photo])]).get_result())
        body, length = http.InferenceServerClient.generate_request_body([image_input([photo])])
        assert 0 < length < len(body)
    return answers


async def by_asyncio(url: str, model: str, photo: bytes) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    async with http_aio.InferenceServerClient(url) as client:
        for name, (method, arguments, options) in questions(model, photo).items():
            try:
                answers[name] = told(await getattr(client, method)(*arguments, **options))
            except InferenceServerException as error:
                answers[name] = {"status": error.status(), "error": error.message()}
    return answers


def main(url: str, model: str, photo: str) -> None:
    content = Path(photo).read_bytes()
    methods = [name for name, _ in inspect.getmembers(http.InferenceServerClient, inspect.isfunction)]
    answers = {"waiting": waiting(url, model, content), "asyncio": asyncio.run(by_asyncio(url, model, content))}
    print(json.dumps({"methods": [name for name in methods if not name.startswith("_")], **answers}))


if __name__ == "__main__":
    main(*sys.argv[1:])
