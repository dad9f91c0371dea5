"""Who is compared: Opsin and the other servers, each with how it is started, asked and understood."""

from __future__ import annotations

import base64
import json
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.checker import TopK, top_k_of
from benchmarks.folders import ROOT
from benchmarks.peers.environments import ENVIRONMENTS, python_of
from benchmarks.service import Service, free_port, opsin
from benchmarks.workload import Workload, photo_request, post_request
from models.runtime.cores import available_cores

START_S = 90.0
SERVERS = "benchmarks.peers.servers"


@dataclass(frozen=True)
class Contestant:
    """One row: a server in one setting.

    Attributes:
        name: of the server, and its setting where it has several.
        settings: as a reader of the table must know them.
        start: makes the service that serves a workload's model.
        request: one photo as a whole request.
        top_k: reads an answer's JSON.
    """

    name: str
    settings: str
    start: Callable[[Workload], Service]
    request: Callable[[bytes], bytes]
    top_k: Callable[[Any], TopK]


@dataclass(frozen=True)
class Launch:
    """How one of the other servers is started, as a `Contestant.start`.

    Attributes:
        peer: whose environment it runs in.
        command: of that environment's Python, with {port}, {workers} and {bin}, where its scripts are.
        ready_path: answers 200 once the model is loaded.
        environ: on top of what all peers are told, with {port} and {other_port} (a free one).
        threads: of one run of the model.
    """

    peer: str
    command: str
    ready_path: str
    environ: tuple[tuple[str, str], ...] = ()
    threads: int = 1

    def __call__(self, workload: Workload) -> Service:
        """Start it.

        Raises:
            EnvironmentFailed: its environment cannot be made.
        """
        python, ports = python_of(self.peer), {"port": free_port(), "other_port": free_port()}
        environ = {
            "PYTHONPATH": str(ROOT),
            "PEER_REPOSITORY": str(workload.repository),
            "PEER_MODEL": workload.model,
            "PEER_PORT": str(ports["port"]),
            "PEER_WORKERS": str(available_cores()),
            "PEER_THREADS": str(self.threads),
            **{name: value.format(**ports) for name, value in self.environ},
        }
        command = self.command.format(**ports, workers=available_cores(), bin=python.parent).split()
        return Service(
            command,
            environ,
            port=ports["port"],
            ready_path=self.ready_path,
            start_limit_s=START_S,
            python=python,
        )


def v2_request(photo: bytes) -> bytes:
    """A photo as base64 in a V2 request, for MLServer."""
    tensor = {"name": "photo", "shape": [1, 1], "datatype": "BYTES", "parameters": {"content_type": "base64"}}
    body = {"inputs": [{**tensor, "data": [base64.b64encode(photo).decode()]}]}
    return post_request("/v2/models/photos/infer", "application/json", json.dumps(body).encode())


def v2_binary_request(photo: bytes) -> bytes:
    """A photo as its bytes behind a V2 head, for Triton.

    https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
    """
    tensor = len(photo).to_bytes(4, "little") + photo
    parameters = {"binary_data_size": len(tensor)}
    head = {"inputs": [{"name": "photo", "shape": [1, 1], "datatype": "BYTES", "parameters": parameters}]}
    encoded = json.dumps(head).encode()
    return post_request(
        "/v2/models/photos/infer",
        "application/octet-stream",
        encoded + tensor,
        more_fields=(f"Inference-Header-Content-Length: {len(encoded)}",),
    )


def _v2_top_k(document: Any) -> TopK:
    [output] = document["outputs"]
    return top_k_of(json.loads(output["data"][0]))


def _triton_top_k(document: Any) -> TopK:
    columns = {output["name"]: output["data"] for output in document["outputs"]}
    return tuple(zip(columns["labels"], columns["probabilities"], strict=True))


def _form(path: str, field: str) -> Callable[[bytes], bytes]:
    return lambda photo: photo_request(photo, "multipart", path=path, field=field)


_UVICORN = (
    f"-m uvicorn --factory {SERVERS}.fastapi_server:create_app --loop uvloop --http httptools --port {{port}} "
    "--workers {workers} --no-access-log --log-level warning --timeout-graceful-shutdown 5"
)
_BENTOML = Launch("bentoml", f"-m bentoml serve {SERVERS}.bentoml_server:Photos --port {{port}}", "/readyz")
OPSIN = Contestant(
    "Opsin",
    "its defaults, with LiteRT as all others; raw body",
    opsin,
    photo_request,
    lambda document: top_k_of(document["predictions"][0]),
)
PEERS = (
    Contestant(
        "FastAPI",
        "uvicorn, a process a core, a one-thread model each in the event loop; raw body",
        Launch("fastapi", _UVICORN, "/readyz"),
        photo_request,
        top_k_of,
    ),
    Contestant(
        "FastAPI, all cores a model",
        "as above, but each process' model runs on all cores",
        Launch("fastapi", _UVICORN, "/readyz", threads=available_cores()),
        photo_request,
        top_k_of,
    ),
    Contestant(
        "MLServer",
        "a parallel worker a core, adaptive batches of at most 4 within 2 ms; base64 in a V2 request",
        Launch(
            "mlserver",
            "{bin}/mlserver start benchmarks/peers/servers/mlserver",
            "/v2/models/photos/ready",
            (
                ("MLSERVER_HOST", "127.0.0.1"),
                ("MLSERVER_HTTP_PORT", "{port}"),
                ("MLSERVER_GRPC_PORT", "{other_port}"),
                ("MLSERVER_PARALLEL_WORKERS", str(available_cores())),
                ("MLSERVER_METRICS_ENDPOINT", ""),
            ),
        ),
        v2_request,
        _v2_top_k,
    ),
    Contestant(
        "BentoML",
        "a worker a core, adaptive batches of at most 4; form with a file",
        _BENTOML,
        _form("/classify", "photos"),
        lambda document: top_k_of(document[0]),
    ),
    Contestant(
        "BentoML, no batches",
        "as above, an endpoint that is not batchable",
        _BENTOML,
        _form("/classify_one", "photo"),
        top_k_of,
    ),
    Contestant(
        "LitServe",
        "a worker a core, batches of at most 4 within 2 ms, the fast queue; form with a file",
        Launch("litserve", f"-m {SERVERS}.litserve_server", "/health"),
        _form("/predict", "image"),
        top_k_of,
    ),
    Contestant(
        "PyTriton",
        "Triton's dynamic batcher, at most 4, a thread a core that classifies; binary V2 request",
        Launch(
            "nvidia-pytriton",
            f"-m {SERVERS}.pytriton_server",
            "/v2/models/photos/ready",
            # Its binary takes whichever libpython the loader finds; that of another release breaks it.
            (("LD_LIBRARY_PATH", sysconfig.get_config_var("LIBDIR")), ("PYTRITON_HOME", str(ENVIRONMENTS / "triton"))),
        ),
        v2_binary_request,
        _triton_top_k,
    ),
)
