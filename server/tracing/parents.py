"""Finds the span of a client, which a request names as W3C's Trace Context has it."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator


class Parents:
    """See the module.

    Args:
        believes_traceparent: whether the trace of a client goes on.
    """

    def __init__(self, *, believes_traceparent: bool) -> None:
        self._propagator = TraceContextTextMapPropagator() if believes_traceparent else None

    def context_of(self, headers: Mapping[str, str]) -> Context:
        """Return the context of the headers traceparent and tracestate; an empty one where there are none."""
        return self._propagator.extract(headers) if headers and self._propagator else Context()
