"""The calls of inference.GRPCInferenceService, each as its sister over HTTP does (server.open_inference.service)."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import grpc
from google.protobuf.json_format import ParseDict

from models.errors import ModelNotFound
from server.engine.errors import EngineNotReady
from server.grpc.calls import Behaviour, Call, Doorway
from server.grpc.control import ModelControl
from server.grpc.errors import NotOffered
from server.grpc.inference import Inference
from server.grpc.messages import message_class
from server.grpc.streams import Streams
from server.grpc.uploads import Uploads
from server.open_inference.service import OpenInference
from server.tracing.stages import PID

SERVICE = "inference.GRPCInferenceService"
STREAM = "ModelStreamInfer"
NOT_OFFERED = {
    **dict.fromkeys(
        (f"{kind}SharedMemory{verb}" for kind in ("System", "Cuda") for verb in ("Status", "Register", "Unregister")),
        "tensors in shared memory are not offered; send them in the request",
    ),
    "TraceSetting": "traces are set by the server's variables OTEL_..., not by clients",
    "LogSettings": "the log is set by the server's OPSIN_LOG_LEVEL, not by clients",
}


class GRPCInferenceService:
    """The calls.

    Args:
        service: answers them.
        inference: classifies.
        uploads: receives messages.
        doorway: lets calls in.
    """

    def __init__(self, service: OpenInference, inference: Inference, uploads: Uploads, doorway: Doorway) -> None:
        self._service, self._inference, self._uploads, self._doorway = service, inference, uploads, doorway

    def handlers(self, streams: Streams, control: ModelControl) -> dict[str, Any]:
        """Make a handler of each call."""
        answers: dict[str, Callable[[Any], dict[str, Any]]] = {
            "ModelReady": self._model_ready,
            "ServerMetadata": lambda _: self._service.server(),
            "ModelMetadata": lambda asked: self._service.metadata(asked.name, asked.version or None),
            "ModelConfig": lambda asked: {"config": self._service.config(asked.name, asked.version or None)},
            "ModelStatistics": lambda asked: self._service.statistics(asked.name or None, asked.version or None),
            "RepositoryIndex": lambda asked: {"models": self._service.index(is_ready_only=asked.ready)},
        }
        behaviours: dict[str, Behaviour] = {"ServerLive": _live, "ServerReady": self._ready, "ModelInfer": self._infer}
        behaviours |= {name: partial(self._tell, name, answer) for name, answer in answers.items()}
        behaviours |= control.behaviours()
        behaviours |= {name: partial(_refuse, reason) for name, reason in NOT_OFFERED.items()}
        wrap = self._doorway.wrap
        handlers = {
            name: grpc.stream_unary_rpc_method_handler(wrap(path_of(name), behave), None, _to_bytes)
            for name, behave in behaviours.items()
        }
        stream = wrap(path_of(STREAM), streams.serve, is_stream=True)
        return {**handlers, STREAM: grpc.stream_stream_rpc_method_handler(stream, None, _to_bytes)}

    async def _ready(self, _call: Call) -> Any:
        return message_class("inference.ServerReadyResponse")(ready=self._service.is_ready)

    async def _infer(self, call: Call) -> Any:
        async with self._doorway.admitted(call):
            self._inference.check_room()
            content = await self._uploads.receive(call.context)
            if call.stages is not None:
                call.stages.note("read", call.started, time.monotonic(), {PID: os.getpid()})
            response, call.model = await self._inference.answer(content, call.timeout_s, call.session, call.stages)
            return response

    async def _tell(self, name: str, answer: Callable[[Any], dict[str, Any]], call: Call) -> Any:
        """Answer what takes no model, by a document as HTTP has it."""
        async with self._doorway.admitted(call):
            asked = await self._uploads.receive_message(call.context, f"inference.{name}Request")
            document = await asyncio.to_thread(answer, asked)
            return ParseDict(document, message_class(f"inference.{name}Response")(), ignore_unknown_fields=True)

    def _model_ready(self, asked: Any) -> dict[str, Any]:
        try:
            self._service.check_ready(asked.name, asked.version or None)
        except (EngineNotReady, ModelNotFound):
            return {"ready": False}  # as Triton has it
        return {"ready": True}


def path_of(name: str) -> str:
    """Write the path of a call."""
    return f"/{SERVICE}/{name}"


async def _live(_call: Call) -> Any:
    return message_class("inference.ServerLiveResponse")(live=True)


async def _refuse(reason: str, _call: Call) -> Any:
    raise NotOffered(reason)


def _to_bytes(message: Any) -> bytes:
    content: bytes = message.SerializeToString()
    return content
