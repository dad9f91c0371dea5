"""Calls a server by tritonclient over gRPC, waiting, by asyncio and in streams, and prints as JSON what came back.

It runs in an environment of its own (requirements/clients.txt): `python triton_grpc.py HOST:PORT MODEL PHOTO`.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import queue
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tritonclient.grpc as grpc
import tritonclient.grpc.aio as grpc_aio
from tritonclient.utils import InferenceServerException

OUTPUT = "probabilities"
ANSWER_S = 60


def image_input(photos: list[bytes]) -> grpc.InferInput:
    tensor = grpc.InferInput("image", [len(photos)], "BYTES")
    tensor.set_data_from_numpy(np.array(photos, object))
    return tensor


def pixel_input(pixels: np.ndarray) -> grpc.InferInput:
    tensor = grpc.InferInput("pixels", list(pixels.shape), "UINT8")
    tensor.set_data_from_numpy(pixels)
    return tensor


def questions(model: str, photo: bytes) -> dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]]:
    """Name the calls that both clients make: method, arguments. It is every method that they have, but for streams."""
    as_json = {"as_json": True}
    return {
        "live": ("is_server_live", (), {}),
        "ready": ("is_server_ready", (), {}),
        "model_ready": ("is_model_ready", (model,), {}),
        "version_ready": ("is_model_ready", (model, "1"), {}),
        "other_ready": ("is_model_ready", ("nobody",), {}),
        "server": ("get_server_metadata", (), as_json),
        "metadata": ("get_model_metadata", (model,), as_json),
        "config": ("get_model_config", (model,), as_json),
        "index": ("get_model_repository_index", (), as_json),
        "statistics": ("get_inference_statistics", (model,), as_json),
        "unknown": ("get_model_metadata", ("nobody",), {}),
        "load": ("load_model", (model,), {}),
        "unload": ("unload_model", (model,), {}),
        "set traces": ("update_trace_settings", (), {}),
        "traces": ("get_trace_settings", (), {}),
        "set log": ("update_log_settings", ({},), {}),
        "log": ("get_log_settings", (), {}),
        "system memory": ("get_system_shared_memory_status", (), {}),
        "set system memory": ("register_system_shared_memory", ("a", "/a", 1), {}),
        "no system memory": ("unregister_system_shared_memory", ("a",), {}),
        "cuda memory": ("get_cuda_shared_memory_status", (), {}),
        "set cuda memory": ("register_cuda_shared_memory", ("a", b"aa==", 0, 1), {}),
        "no cuda memory": ("unregister_cuda_shared_memory", ("a",), {}),
        "bytes": ("infer", (model, [image_input([photo, photo])]), {"request_id": "seven"}),
        "classes": (
            "infer",
            (model, [image_input([photo])]),
            {"outputs": [grpc.InferRequestedOutput(OUTPUT, class_count=3)], "model_version": "1"},
        ),
        "gzip": ("infer", (model, [image_input([photo])]), {"compression_algorithm": "gzip"}),
        "deflate": ("infer", (model, [image_input([photo])]), {"compression_algorithm": "deflate"}),
        "late": ("infer", (model, [image_input([photo])]), {"timeout": 1}),
        "late client": ("infer", (model, [image_input([photo])]), {"client_timeout": 0.0001}),
        "bad": ("infer", (model, [image_input([b"no photo"])]), {}),
        "none": ("infer", (model, [image_input([photo])]), {"outputs": [grpc.InferRequestedOutput("logits")]}),
    }


def told(answer: Any) -> Any:
    """Write an answer as JSON can have it."""
    if isinstance(answer, grpc.InferResult):
        output = answer.as_numpy(OUTPUT)
        is_text = output.dtype == object
        rows = [[each.decode() for each in row] for row in output] if is_text else output.tolist()
        response = answer.get_response()
        parameters = {name: value.bool_param for name, value in response.parameters.items()}
        return {
            "rows": rows,
            "id": response.id,
            "model": [response.model_name, response.model_version],
            "parameters": parameters,
        }
    return answer


def refused(error: InferenceServerException) -> dict[str, Any]:
    return {"status": error.status(), "error": error.message()}


def waiting(url: str, model: str, photo: bytes) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    with grpc.InferenceServerClient(url) as client:
        for name, (method, arguments, options) in questions(model, photo).items():
            try:
                answers[name] = told(getattr(client, method)(*arguments, **options))
            except InferenceServerException as error:
                answers[name] = refused(error)
        size = [int(size) for size in answers["metadata"]["inputs"][0]["shape"][1:]]
        pixels = np.arange(2 * int(np.prod(size)), dtype=np.int64).astype(np.uint8).reshape(2, *size)
        answers["pixels"] = told(client.infer(model, [pixel_input(pixels)]))
        came: queue.Queue[Any] = queue.Queue()
        client.async_infer(model, [image_input([photo])], lambda result, error: came.put(error or result))
        answers["async"] = told(came.get(timeout=ANSWER_S))
        answers["stream"] = streamed(client, model, photo)
    return answers


def streamed(client: grpc.InferenceServerClient, model: str, photo: bytes) -> list[Any]:
    """Send some requests on a stream, of which the second is a bad one."""
    came: queue.Queue[Any] = queue.Queue()
    client.start_stream(lambda result, error: came.put(error or result))
    contents = [photo, b"no photo", photo, photo]
    for number, content in enumerate(contents):
        client.async_stream_infer(model, [image_input([content])], request_id=str(number))
    answers = [came.get(timeout=ANSWER_S) for _ in contents]
    client.stop_stream()
    return [refused(each) if isinstance(each, InferenceServerException) else told(each) for each in answers]


async def by_asyncio(url: str, model: str, photo: bytes) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    async with grpc_aio.InferenceServerClient(url) as client:
        for name, (method, arguments, options) in questions(model, photo).items():
            try:
                answers[name] = told(await getattr(client, method)(*arguments, **options))
            except InferenceServerException as error:
                answers[name] = refused(error)

        async def requests() -> Any:
            for number, content in enumerate([photo, b"no photo", photo, photo]):
                yield {"model_name": model, "inputs": [image_input([content])], "request_id": str(number)}

        stream = answers["stream"] = []
        async for result, error in client.stream_infer(requests()):
            stream.append(refused(error) if error else told(result))
    return answers


def main(url: str, model: str, photo: str) -> None:
    content = Path(photo).read_bytes()
    methods = [name for name, _ in inspect.getmembers(grpc.InferenceServerClient, inspect.isfunction)]
    called = {method for method, _, _ in questions(model, content).values()}
    called |= {"close", "async_infer", "start_stream", "stop_stream", "async_stream_infer"}
    called |= {"plugin", "register_plugin", "unregister_plugin"}  # which ask the server nothing
    answers = {"waiting": waiting(url, model, content), "asyncio": asyncio.run(by_asyncio(url, model, content))}
    print(json.dumps({"left": sorted({each for each in methods if each[0] != "_"} - called), **answers}))


if __name__ == "__main__":
    main(*sys.argv[1:])
