"""Traces requests: a span of the server, by OpenTelemetry's semantic conventions for HTTP, and one for each stage.

The stages' spans are made when the response has been sent, from the times that `stages` has kept by then. No span has
a client's address, headers, query, file names or pixels.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from opentelemetry.trace import Tracer
from werkzeug.wsgi import ClosingIterator

from models.errors import OpsinError
from server.api.errors import status_of
from server.gunicorn_internals.request import Request
from server.request_log import ENVIRON_KEY, SERVED_KEY, TRACE_KEY, WSGIApplication
from server.tracing.http_span import HTTPSpan
from server.tracing.parents import Parents
from server.tracing.stages import PID, STAGES_KEY

UNTRACED = frozenset(("/healthz", "/readyz", "/metrics"))  # asked again and again by machines


class RequestTraces:
    """Traces the requests of one worker; any number of threads may use it.

    Args:
        tracer: starts spans.
        route_of: names the route of a path, while its request is answered; None where there is none.
        believes_traceparent: whether the trace of a client goes on.
        clock: monotonic, in seconds, as the stages are timed by.
    """

    def __init__(
        self,
        tracer: Tracer,
        *,
        route_of: Callable[[str], str | None],
        believes_traceparent: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tracer, self._route_of, self._clock = tracer, route_of, clock
        self._parents = Parents(believes_traceparent=believes_traceparent)

    def wrap(self, application: WSGIApplication) -> WSGIApplication:
        """Trace the requests that an application answers.

        It finds the `Stages` of a request that is sampled under ``environ[STAGES_KEY]``, and what names the trace of
        any under ``environ[TRACE_KEY]``.
        """

        def traced(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            if environ["PATH_INFO"] in UNTRACED:
                return application(environ, start_response)
            now = self._clock()
            span = self._begin(
                environ["REQUEST_METHOD"],
                environ["PATH_INFO"],
                started=now - environ.get("opsin.read_s", 0.0),
                parent=_parent_headers(environ),
            )
            environ[TRACE_KEY] = span.of_server.names
            if (stages := span.of_server.stages) is None:
                return application(environ, start_response)
            environ[STAGES_KEY] = stages
            stages.note("read", span.of_server.started, now, {PID: os.getpid()})

            def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
                span.answer(int(status[:3]), self._route_of(environ["PATH_INFO"]))
                return start_response(status, headers, exc_info)

            def end() -> None:
                span.end(self._clock(), _what_was_asked(environ))

            try:
                return ClosingIterator(application(environ, start), end)
            except BaseException:
                end()
                raise

        return traced

    def trace_refusal(self, request: Request, error: OpsinError, started: float) -> Mapping[str, str]:
        """Trace a request for which the application is not called, and give what names the trace.

        Args:
            request: that is refused.
            error: why.
            started: when its first byte came.
        """
        if request.path in UNTRACED:
            return {}
        parent = {name.lower(): value for name, value in request.headers if name in ("TRACEPARENT", "TRACESTATE")}
        span = self._begin(request.method, request.path, started=started, parent=parent)
        if span.of_server.stages is not None:
            span.of_server.stages.error = error.code
            span.answer(status_of(error), self._route_of(request.path))
            span.end(self._clock(), {"url.scheme": request.scheme})
        return span.of_server.names

    def _begin(self, method: str, path: str, *, started: float, parent: Mapping[str, str]) -> HTTPSpan:
        context = self._parents.context_of(parent)
        return HTTPSpan(self._tracer, context, method, path, started=started, now=self._clock())


def _parent_headers(environ: Mapping[str, Any]) -> dict[str, str]:
    names = {"traceparent": "HTTP_TRACEPARENT", "tracestate": "HTTP_TRACESTATE"}
    return {name: environ[key] for name, key in names.items() if key in environ}


def _what_was_asked(environ: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a request that has been answered; None is what is not known."""
    length, served = environ.get("CONTENT_LENGTH", ""), environ.get(SERVED_KEY, (None, None))
    return {
        "url.scheme": environ.get("wsgi.url_scheme"),
        "network.protocol.version": environ.get("SERVER_PROTOCOL", "").removeprefix("HTTP/") or None,
        "http.request.body.size": int(length) if length.isascii() and length.isdigit() else None,
        "opsin.request_id": environ.get(ENVIRON_KEY),
        "opsin.model.name": served[0],
        "opsin.model.version": served[1],
    }
