"""The settings of traces: OpenTelemetry's own variables, for which operators and operators' tools have one meaning.

They are checked at the start, which OpenTelemetry does not do: it warns and takes the default. What is not in the
table is OpenTelemetry's affair: OTEL_RESOURCE_ATTRIBUTES, limits of a span; where it raises, the start is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from server.setting_rows import SettingsError
from server.tracing.variables import DEFAULT_BATCH, DEFAULT_DELAY_MS, DEFAULT_SPANS_WAITING, OTLP, VARIABLES, Variable

EXPORTER_PACKAGE = "opentelemetry.exporter.otlp.proto.http"
SECRET = ("ENDPOINT", "HEADERS")  # they may hold a password


@dataclass(frozen=True, slots=True)
class TracingSettings:
    """What of the settings is not left to OpenTelemetry to read.

    Attributes:
        max_spans_waiting: per HTTP worker.
        max_batch: spans that are sent together, at most.
        delay_ms: after which they are sent in any case.
        has_service_name: whether an operator gave the service a name.
        believes_traceparent: whether the trace of a client goes on.
    """

    max_spans_waiting: int = DEFAULT_SPANS_WAITING
    max_batch: int = DEFAULT_BATCH
    delay_ms: int = DEFAULT_DELAY_MS
    has_service_name: bool = False
    believes_traceparent: bool = True

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> TracingSettings | None:
        """Check the settings; None where no traces are wanted, whatever else is set then.

        Raises:
            SettingsError: a value cannot be used, or what sends traces is not installed.
        """
        given = {row.name: found for row in VARIABLES if (found := _given(environ, row))}
        texts = {name: text for name, (_, text) in given.items()}
        is_off = (
            texts.get("OTEL_SDK_DISABLED", "").lower() == "true"
            or texts.get("OTEL_TRACES_EXPORTER", "").lower() == "none"
        )
        if is_off or f"{OTLP}ENDPOINT" not in given:
            return None
        for row in VARIABLES:
            if row.name in given:
                _check(row, *given[row.name])
        waiting = int(texts.get("OTEL_BSP_MAX_QUEUE_SIZE", DEFAULT_SPANS_WAITING))
        batch = int(texts.get("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", DEFAULT_BATCH))
        if batch > waiting:
            raise SettingsError(
                f"OTEL_BSP_MAX_QUEUE_SIZE must be at least OTEL_BSP_MAX_EXPORT_BATCH_SIZE, {batch}, got {waiting}"
            )
        _check_installed()
        return cls(
            max_spans_waiting=waiting,
            max_batch=batch,
            delay_ms=int(texts.get("OTEL_BSP_SCHEDULE_DELAY", DEFAULT_DELAY_MS)),
            has_service_name="OTEL_SERVICE_NAME" in given
            or "service.name=" in environ.get("OTEL_RESOURCE_ATTRIBUTES", ""),
            believes_traceparent="tracecontext" in texts.get("OTEL_PROPAGATORS", "tracecontext"),
        )


def _given(environ: Mapping[str, str], row: Variable) -> tuple[str, str] | None:
    """Find which variable says it, and what; one that is empty counts as not set."""
    own = row.name.replace(OTLP, f"{OTLP}TRACES_") if row.for_signal else row.name
    return next(((name, text) for name in (own, row.name) if (text := environ.get(name, "").strip())), None)


def _check(row: Variable, name: str, text: str) -> None:
    try:
        row.check(text)
    except ValueError as error:
        got = "something else" if row.name.endswith(SECRET) else repr(text[:100])
        raise SettingsError(f"{name} must be {error}, got {got}") from None


def _check_installed() -> None:
    try:
        is_there = find_spec(EXPORTER_PACKAGE) is not None
    except ModuleNotFoundError:
        is_there = False
    if not is_there:
        raise SettingsError(
            "OTEL_EXPORTER_OTLP_ENDPOINT takes what requirements/tracing.txt installs: make serve TRACING=1; "
            "OTEL_SDK_DISABLED=true serves without traces"
        )
