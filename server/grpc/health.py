"""The health service of gRPC: of the server as a whole, of its service, and of each model, as NAME or NAME/VERSION."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from models.errors import ModelNotFound
from server.engine.errors import EngineNotReady
from server.grpc.calls import Call, Doorway
from server.grpc.messages import message_class
from server.grpc.service import SERVICE as INFERENCE_SERVICE
from server.grpc.uploads import Uploads
from server.open_inference.service import OpenInference
from server.request_errors import Overloaded, RequestError

SERVICE = "grpc.health.v1.Health"
LOOK_AGAIN_S = 0.1  # at what is watched
MAX_WATCHES = 256  # at once
SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3


class Health:
    """Tells how things stand, at once or whenever they change.

    Args:
        service: knows whether it takes requests, and which models there are.
        uploads: receives what is asked.
        doorway: lets calls in; these are for everybody.
        is_stopping: set when the process is on its way out; what is watched ends then.
    """

    def __init__(self, service: OpenInference, uploads: Uploads, doorway: Doorway, is_stopping: asyncio.Event) -> None:
        self._service, self._uploads, self._doorway = service, uploads, doorway
        self._is_stopping, self._num_watches = is_stopping, 0

    def handlers(self) -> dict[str, Any]:
        """Make a handler of each call."""
        wrap = self._doorway.wrap
        check = wrap(f"/{SERVICE}/Check", self._check)
        watch = wrap(f"/{SERVICE}/Watch", self._watch)
        return {
            "Check": grpc.stream_unary_rpc_method_handler(check, None, _response),
            "Watch": grpc.stream_stream_rpc_method_handler(watch, None, _response),
        }

    async def _check(self, call: Call) -> int:
        name = await self._asked(call)
        if (status := self._status_of(name)) == SERVICE_UNKNOWN:
            raise ModelNotFound(f"there is no service or model {name[:100]!r}")
        return status

    async def _watch(self, call: Call) -> None:
        if self._num_watches >= MAX_WATCHES:
            raise Overloaded(f"{MAX_WATCHES} clients watch already, try again later", wait_s=1)
        self._num_watches += 1
        try:
            name, told = await self._asked(call), None
            while True:
                is_last = self._is_stopping.is_set()
                if (status := self._status_of(name)) != told:
                    told = status
                    await call.context.write(status)
                if is_last:
                    raise EngineNotReady("the server is stopping")
                await asyncio.sleep(LOOK_AGAIN_S)
        finally:
            self._num_watches -= 1

    async def _asked(self, call: Call) -> str:
        return str((await self._uploads.receive_message(call.context, "grpc.health.v1.HealthCheckRequest")).service)

    def _status_of(self, name: str) -> int:
        if name in ("", INFERENCE_SERVICE):
            return SERVING if self._service.is_ready else NOT_SERVING
        model, _, version = name.partition("/")
        try:
            self._service.check_ready(model, version or None)
        except EngineNotReady:
            return NOT_SERVING
        except (ModelNotFound, RequestError):
            return SERVICE_UNKNOWN
        return SERVING


def _response(status: int) -> bytes:
    content: bytes = message_class("grpc.health.v1.HealthCheckResponse")(status=status).SerializeToString()
    return content
