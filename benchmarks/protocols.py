"""The ways in compared: `python -m benchmarks.protocols [--rounds N] [--seconds S] [--connections N]`.

The same photos of the shipped model as a form (`/predict`), as encoded images by each other protocol, and as pixels,
one and many in a request, these also over the model run in process; and over gRPC where that is installed, by a client
that takes more of the same processor (`benchmarks.grpc_load`). Each round measures all in an order drawn anew; ratios
are taken within it.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks import machine
from benchmarks.figures import Figure, ratio_figure, report
from benchmarks.grpc_load import run_grpc
from benchmarks.in_process import arrangements, run_in_process
from benchmarks.service import Service, free_port
from benchmarks.workload import Workload, photo_request, post_request, shipped
from benchmarks.wrk import run_wrk
from models.pixels.preprocessing import preprocess
from models.runtime.cores import available_cores

GRPC = "gRPC, encoded"
FORM, ENCODED, PIXELS, IN_PROCESS = "form", "/v2, encoded", "/v2, pixels", "pixels in process"
MANY = 32  # images in a request, as many as may be
FEWER = 8  # connections, then: more would fill the slots
PIXELS_OF_MANY = f"/v2, pixels, {MANY} a request"
AT_LEAST = 0.95
RESULTS = Path(__file__).with_name("results")


def infer_request(model: str, name: str, datatype: str, shape: Sequence[int], content: bytes) -> bytes:
    """One tensor as tritonclient sends it, JSON and then bytes."""
    tensor = {
        "name": name,
        "datatype": datatype,
        "shape": list(shape),
        "parameters": {"binary_data_size": len(content)},
    }
    header = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    length = f"Inference-Header-Content-Length: {len(header)}"
    return post_request(
        f"/v2/models/{model}/infer", "application/octet-stream", header + content, more_fields=(length,)
    )


def encoded(model: str, photo: bytes) -> bytes:
    """A photo as an element of BYTES."""
    return infer_request(model, "image", "BYTES", (1,), len(photo).to_bytes(4, "little") + photo)


def rows(model: str, photo: bytes) -> bytes:
    """A photo as a row of TensorFlow Serving."""
    body = json.dumps({"instances": [{"b64": base64.b64encode(photo).decode()}]}).encode()
    return post_request(f"/v1/models/{model}:predict", "application/json", body)


def requests_of(workload: Workload) -> dict[str, list[bytes]]:
    """The photos as requests, by the way in."""
    model, spec = workload.model, workload.artifact.manifest.pixels
    fitted = [preprocess(photo, spec) for photo in workload.photos]
    ways: dict[str, Callable[[bytes], bytes]] = {
        FORM: lambda photo: photo_request(photo, "multipart"),
        ENCODED: lambda photo: encoded(model, photo),
        "/v1": lambda photo: rows(model, photo),
        "/image-classification": lambda photo: photo_request(photo, path="/image-classification"),
    }
    images = [np.asarray(each) for each in fitted]
    pixels = [infer_request(model, "pixels", "UINT8", (1, *each.shape), each.tobytes()) for each in images]
    many = np.stack([images[index % len(images)] for index in range(MANY)])
    requests = {way: [write(photo) for photo in workload.photos] for way, write in ways.items()}
    of_many = infer_request(model, "pixels", "UINT8", many.shape, many.tobytes())
    return {**requests, PIXELS: pixels, PIXELS_OF_MANY: [of_many]}


def messages_of(workload: Workload) -> list[bytes]:
    """The photos as messages of gRPC."""
    from server.grpc.messages import message_class

    tensor = {"name": "image", "datatype": "BYTES", "shape": [1]}
    request = message_class("inference.ModelInferRequest")
    contents = [len(photo).to_bytes(4, "little") + photo for photo in workload.photos]
    return [
        request(model_name=workload.model, inputs=[tensor], raw_input_contents=[content]).SerializeToString()
        for content in contents
    ]


def measure(workload: Workload, *, rounds: int, seconds: float, connections: int) -> dict[str, list[float]]:
    """Images answered a second by each way in, round by round."""
    port, rates = free_port(), dict[str, list[float]]()
    environ = {"OPSIN_PORT": str(port), "OPSIN_REPOSITORY": str(workload.repository), "OPSIN_MODEL": workload.model}
    arrangement = arrangements(available_cores())[0]
    messages, grpc_port = list[bytes](), free_port()
    if find_spec("grpc"):
        environ["OPSIN_GRPC_PORT"], messages = str(grpc_port), messages_of(workload)
    with Service(["-m", "server"], environ, port=port, ready_path="/readyz") as service:
        requests = requests_of(workload)
        for number in range(rounds):
            ways = [*requests, IN_PROCESS, *([GRPC] if messages else [])]
            random.Random(number).shuffle(ways)  # noqa: S311
            for way in ways:
                if way == IN_PROCESS:
                    rate = run_in_process(workload, arrangement, seconds, is_decoded=True).rate
                else:
                    num = max(1, connections // FEWER) if way == PIXELS_OF_MANY else connections
                    load = (
                        run_grpc(service, f"127.0.0.1:{grpc_port}", messages, connections=num, seconds=seconds)
                        if way == GRPC
                        else run_wrk(service, requests[way], connections=num, seconds=seconds)
                    )
                    if load.faults:
                        raise RuntimeError(f"{way}: {load.statuses} {load.errors}")
                    rate = load.rate * (MANY if way == PIXELS_OF_MANY else 1)
                rates.setdefault(way, []).append(rate)
    return rates


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print a table and write it with its JSON; 1 where a target is not met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.protocols")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, default=16)
    args = parser.parse_args(argv)
    rates = measure(shipped(), rounds=args.rounds, seconds=args.seconds, connections=args.connections)
    figures = [Figure.of_runs(f"{FORM}: answers/s", rates[FORM])]
    for way in rates.keys() - {FORM, IN_PROCESS, PIXELS, PIXELS_OF_MANY, GRPC}:
        at_least = AT_LEAST if way == ENCODED else None
        figures.append(ratio_figure(f"{way} over {FORM}", rates[way], rates[FORM], at_least=at_least))
    for way in (PIXELS, PIXELS_OF_MANY):
        figures.append(ratio_figure(f"{way} over {IN_PROCESS}", rates[way], rates[IN_PROCESS], at_least=AT_LEAST))
    if GRPC in rates:
        figures.append(ratio_figure(f"{GRPC} over {ENCODED}", rates[GRPC], rates[ENCODED]))
    where = machine.describe()
    heading = (
        f"{machine.in_words(where)}, {args.connections} connections, {args.rounds} rounds of {args.seconds:g} s\n\n"
    )
    return report(figures, RESULTS / "protocols", machine=where, heading=heading)


if __name__ == "__main__":
    sys.exit(main())
