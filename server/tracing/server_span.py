"""The span of one request at the server, and its children, one for each stage."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import (
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    format_span_id,
    format_trace_id,
    set_span_in_context,
)

from server.tracing.stages import PID, Stage, Stages


class ServerSpan:
    """See the module.

    Args:
        tracer: starts spans.
        parent: of the client's span, where there is one.
        name: until `rename` gives another.
        attributes: that are known from the start.
        started: when the first byte of the request came, in seconds of the monotonic clock, as all times here.
        now: by the same clock.

    Attributes:
        started: as above.
        stages: to be noted until it ends; None where the request is not sampled.
        names: of the trace and this span, with the fields that OpenTelemetry's "Trace Context in non-OTLP Log Formats"
            gives a line of a log.
    """

    def __init__(
        self, tracer: Tracer, parent: Context, name: str, attributes: Mapping[str, Any], *, started: float, now: float
    ) -> None:
        self._tracer, self.started = tracer, started
        self._epoch_offset_ns = time.time_ns() - round(1e9 * now)
        self._span = tracer.start_span(
            name,
            context=parent,
            kind=SpanKind.SERVER,
            attributes={**attributes, PID: os.getpid()},
            start_time=self._epoch_ns(started),
        )
        self.stages = Stages() if self._span.is_recording() else None
        context = self._span.get_span_context()
        self.names = {
            "trace_id": format_trace_id(context.trace_id),
            "span_id": format_span_id(context.span_id),
            "trace_flags": f"{context.trace_flags:02x}",
        }

    def rename(self, name: str) -> None:
        """Give it another name, once more is known of the request."""
        self._span.update_name(name)

    @property
    def error(self) -> str | None:
        """The code of the error that the request, or else a stage of it, ended with."""
        if self.stages is None:
            return None
        return self.stages.error or next((stage.error for stage in self.stages.noted if stage.error), None)

    def end(self, ended: float, attributes: Mapping[str, Any], *, failed: str | None) -> None:
        """End it, and make the spans of its stages.

        Args:
            ended: by the monotonic clock.
            attributes: those that are None are left out.
            failed: by what, where the server is to blame; else None.
        """
        if self.stages is None:
            return
        self._span.set_attributes({name: value for name, value in attributes.items() if value is not None})
        if failed is not None:
            self._span.set_attribute("error.type", failed)
            self._span.set_status(Status(StatusCode.ERROR))
        context = set_span_in_context(self._span, Context())
        for stage in self.stages.noted:
            if stage.ended is None:  # the request failed in it
                stage.ended, stage.error = ended, self.stages.error
            self._add(stage, stage.ended, context)
        self._span.end(self._epoch_ns(ended))

    def _add(self, stage: Stage, ended: float, context: Context) -> None:
        started = self._epoch_ns(stage.started)
        span = self._tracer.start_span(stage.name, context=context, attributes=stage.attributes, start_time=started)
        if stage.error:
            span.set_attribute("error.type", stage.error)
            span.set_status(Status(StatusCode.ERROR))
        span.end(self._epoch_ns(ended))

    def _epoch_ns(self, at: float) -> int:
        return self._epoch_offset_ns + round(1e9 * at)
