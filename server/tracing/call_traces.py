"""Traces calls of gRPC: a span of the server, by OpenTelemetry's conventions for RPC, and one for each stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.trace import Tracer

from server.tracing.parents import Parents
from server.tracing.server_span import ServerSpan

# By which the server is to blame (conventions for gRPC); others are errors of the client, whose span says so.
FAILURES = {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
UNTRACED = ("/grpc.health.v1.Health/", "/inference.GRPCInferenceService/Server")  # asked again and again by machines


class CallSpan:
    """The span of one request; of a stream, each has its own.

    Attributes:
        of_server: the span.
    """

    def __init__(self, of_server: ServerSpan, clock: Callable[[], float]) -> None:
        self.of_server, self._clock = of_server, clock

    def end(self, code: str, number: int, attributes: Mapping[str, Any]) -> None:
        """End it with a status, as gRPC names and numbers it; attributes that are None are left out."""
        error = None if code == "OK" else self.of_server.error
        own = {"rpc.grpc.status_code": number, "opsin.error.code": error}
        self.of_server.end(self._clock(), {**attributes, **own}, failed=code if code in FAILURES else None)


class CallTraces:
    """Traces the calls of one process.

    Args:
        tracer: starts spans.
        believes_traceparent: whether the trace of a client goes on.
        clock: monotonic, in seconds, as the stages are timed by.
    """

    def __init__(
        self, tracer: Tracer, *, believes_traceparent: bool = True, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tracer, self._clock = tracer, clock
        self._parents = Parents(believes_traceparent=believes_traceparent)

    def begin(self, method: str, metadata: Mapping[str, str], *, started: float) -> CallSpan | None:
        """Begin the span of a request; None where such calls are not traced.

        Args:
            method: the path of the call.
            metadata: of the call; only what names its parent is read.
            started: when it came, by the monotonic clock.
        """
        if method.startswith(UNTRACED):
            return None
        service, _, name = method[1:].rpartition("/")
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}
        parent = self._parents.context_of(
            {key: metadata[key] for key in ("traceparent", "tracestate") if key in metadata}
        )
        span = ServerSpan(self._tracer, parent, method[1:], attributes, started=started, now=self._clock())
        return CallSpan(span, self._clock)
