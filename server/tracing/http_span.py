"""The span of a request over HTTP, by OpenTelemetry's semantic conventions for HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import Tracer

from server.metrics import METHODS
from server.request_log import printable
from server.tracing.server_span import ServerSpan


class HTTPSpan:
    """See the module.

    Args:
        tracer: starts spans.
        parent: of the client's span, where there is one.
        method: as the client has it.
        path: without the query, bytes as if they were latin-1.
        started: when the first byte of the request came, in seconds of the monotonic clock.
        now: by the same clock.

    Attributes:
        of_server: the span.
    """

    def __init__(self, tracer: Tracer, parent: Context, method: str, path: str, *, started: float, now: float) -> None:
        method = method if method in METHODS else "_OTHER"
        self._name = "HTTP" if method == "_OTHER" else method
        text = path.encode("latin-1", "replace").decode(errors="replace")
        attributes = {"http.request.method": method, "url.path": printable(text)}
        self.of_server = ServerSpan(tracer, parent, self._name, attributes, started=started, now=now)
        self._status = 500  # unless something else is said
        self._route: str | None = None

    def answer(self, status: int, route: str | None) -> None:
        """Note what the request is answered with."""
        self._status, self._route = status, route
        if route is not None:
            self.of_server.rename(f"{self._name} {route}")

    def end(self, ended: float, attributes: Mapping[str, Any]) -> None:
        """End it, and make the spans of its stages; attributes that are None are left out."""
        own = {
            "http.route": self._route,
            "http.response.status_code": self._status,
            "opsin.error.code": self.of_server.error if self._status >= 400 else None,
        }
        # Others are errors of the client, whose span says so (conventions for HTTP).
        failed = str(self._status) if self._status >= 500 else None
        self.of_server.end(ended, {**attributes, **own}, failed=failed)
