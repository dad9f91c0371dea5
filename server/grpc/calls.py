"""What all calls have in common: who may ask, what an error becomes, a line in the log, and the metrics."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from grpc import StatusCode
from grpc.aio import InternalError

from models.errors import OpsinError
from server.api.errors import message_of
from server.api.gatekeeper import Gatekeeper, told_by
from server.engine.catalogue import ServedModel
from server.grpc.errors import code_of, details_of
from server.metrics import Metrics
from server.request_log import HEADER, SERVED_KEY, TRACE_KEY, log_request, usable_request_id
from server.tracing.stages import Stages

if TYPE_CHECKING:
    from server.tracing.call_traces import CallSpan, CallTraces

REQUEST_ID_KEY = HEADER.lower()
SESSION_KEY = "x-session-id"

log = logging.getLogger("opsin.grpc")


@dataclass(slots=True)
class Call:
    """One call.

    Attributes:
        method: its path, such as /inference.GRPCInferenceService/ModelInfer.
        context: as gRPC has it.
        model: that has answered, once one has.
        metadata: what the client has sent as text beside the message.
        request_id: the client's, or one that was made.
        started: when it came.
        span: of its trace; None where there is none.
    """

    method: str
    context: Any
    model: ServedModel | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    request_id: str = ""
    started: float = field(default_factory=time.monotonic)
    span: CallSpan | None = None

    def __post_init__(self) -> None:
        sent = self.context.invocation_metadata()
        self.metadata = {key: value for key, value in sent if isinstance(value, str)}
        self.request_id = usable_request_id(self.metadata.get(REQUEST_ID_KEY, ""))

    @property
    def stages(self) -> Stages | None:
        """To note what is done in; None where that is not wanted."""
        return None if self.span is None else self.span.of_server.stages

    def note_error(self, error: OpsinError) -> None:
        """Leave the trace the error that the request ends with."""
        if self.stages is not None:
            self.stages.error = error.code

    @property
    def told(self) -> dict[str, str]:
        """What says whose call it is, as `server.api.gatekeeper` knows it."""
        return told_by([(key.upper(), value) for key, value in self.metadata.items()], self.address)

    @property
    def session(self) -> str | None:
        """The client's session, as over HTTP."""
        return self.metadata.get(SESSION_KEY)

    @property
    def timeout_s(self) -> float | None:
        """How much longer the client waits; None: for ever."""
        remaining: float | None = self.context.time_remaining()
        return remaining

    @property
    def address(self) -> str:
        """The peer's address, as a socket has it."""
        _, _, address = self.context.peer().partition(":")  # ipv4:127.0.0.1:5000, ipv6:%5B::1%5D:5000
        return str(address.rpartition(":")[0].replace("%5B", "").replace("%5D", "").strip("[]"))


Behaviour = Callable[[Call], Awaitable[Any]]


class Doorway:
    """Lets calls in, and turns what becomes of them into statuses.

    Args:
        keeper: knows who may ask; None: everybody.
        metrics: of this process.
        may_wait: whether asking the keeper may have to wait.
        traces: of calls; None where none are wanted.
    """

    def __init__(
        self,
        keeper: Gatekeeper | None,
        metrics: Metrics,
        *,
        may_wait: bool = False,
        traces: CallTraces | None = None,
    ) -> None:
        self._keeper, self._metrics, self._may_wait = keeper, metrics, may_wait
        self._traces = traces

    def wrap(self, method: str, behave: Behaviour, *, is_stream: bool = False) -> Callable[..., Awaitable[Any]]:
        """Make a handler of a call; the requests of a stream are let in and noted one by one, by whoever reads them."""

        async def handle(_requests: Any, context: Any) -> Any:
            call = Call(method, context)
            if not is_stream:
                self.begin(call)
            context.set_trailing_metadata(((REQUEST_ID_KEY, call.request_id),))
            code = StatusCode.CANCELLED
            try:
                answer = await behave(call)
                code = StatusCode.OK
                return answer
            except asyncio.CancelledError:
                if call.timeout_s == 0:
                    code = StatusCode.DEADLINE_EXCEEDED
                raise
            except InternalError:  # nobody reads what is written
                raise
            except OpsinError as error:
                code = code_of(error)
                call.note_error(error)
                return await self._end(call, code, message_of(error), details_of(error))
            except Exception as error:
                code = StatusCode.INTERNAL
                log.error("request %s failed", call.request_id, exc_info=error)
                return await self._end(call, code, f"the server failed on request {call.request_id}")
            finally:
                if not is_stream or code not in (StatusCode.OK, StatusCode.CANCELLED):
                    self.note(call, code)

        return handle

    @asynccontextmanager
    async def admitted(self, call: Call) -> AsyncIterator[None]:
        """Let a request in for as long as this lasts; raises as `server.api.gatekeeper.Gatekeeper.admit`."""
        if self._keeper is None:
            yield
            return
        admit, told = self._keeper.admit, call.told
        client = await asyncio.to_thread(admit, told) if self._may_wait else admit(told)
        try:
            yield
        finally:
            self._keeper.leave(client)

    def begin(self, call: Call) -> None:
        """Begin the trace of a request, where it is to have one."""
        if self._traces is not None:
            call.span = self._traces.begin(call.method, call.metadata, started=call.started)

    def note(self, call: Call, code: StatusCode) -> None:
        """Write a line in the log, count, and end the trace of a request."""
        duration_s = time.monotonic() - call.started
        name, version = served = (call.model.name, call.model.version) if call.model else (None, None)
        noted: dict[str, Any] = {SERVED_KEY: served} if call.model else {}
        if call.span is not None:
            noted[TRACE_KEY] = call.span.of_server.names
        log_request("gRPC", call.method, code.name, duration_s, call.request_id, environ=noted)
        if call.span is not None:
            told = {"opsin.request_id": call.request_id, "opsin.model.name": name, "opsin.model.version": version}
            call.span.end(code.name, code.value[0], told)
        self._metrics.note_call(call.method.rpartition("/")[2], code.name, duration_s)

    async def _end(
        self, call: Call, code: StatusCode, message: str, details: tuple[tuple[str, bytes], ...] = ()
    ) -> None:
        await call.context.abort(code, message, ((REQUEST_ID_KEY, call.request_id), *details))
