"""The variables of OpenTelemetry that the server checks, with what each may be; docs/settings.md has the same table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from server.setting_values import one_of, whole

MAX_TIMEOUT_S = 300.0
MAX_SPANS = 1_000_000
MAX_DELAY_MS = 600_000
DEFAULT_SPANS_WAITING, DEFAULT_BATCH, DEFAULT_DELAY_MS = 2048, 512, 5000  # OpenTelemetry's
RATIO_SAMPLERS = ("traceidratio", "parentbased_traceidratio")
SAMPLERS = ("always_on", "always_off", "parentbased_always_on", "parentbased_always_off", *RATIO_SAMPLERS)


def _url(text: str) -> object:
    try:
        parts = urlsplit(text)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ValueError("the URL of a collector that takes OTLP over HTTP, such as http://127.0.0.1:4318")
    return text


def _number(low: float, high: float, meaning: str) -> Callable[[str], object]:
    def check(text: str) -> object:
        try:
            is_usable = low <= float(text) <= high
        except ValueError:
            is_usable = False
        if not is_usable:
            raise ValueError(f"{meaning} from {low:g} to {high:g}")
        return text

    return check


def _file(text: str) -> object:
    if not Path(text).is_file():
        raise ValueError("a PEM file")
    return text


def _propagators(text: str) -> object:
    if not all(part.strip() in ("tracecontext", "baggage", "none") for part in text.split(",")):
        raise ValueError("tracecontext, baggage or none, separated by commas")
    return text


def _headers(text: str) -> object:
    if not all("=" in part for part in text.split(",") if part.strip()):
        raise ValueError("name=value, separated by commas, with the value URL-encoded")
    return text


@dataclass(frozen=True, slots=True)
class Variable:
    """One row of the table.

    Attributes:
        name: of the variable; of one with ``for_signal`` there is another that counts before it, with TRACES_ in its
            name, for traces alone.
        default: as text.
        meaning: in one sentence or two.
        check: raises ValueError, whose text completes "... must be".
    """

    name: str
    default: str
    meaning: str
    check: Callable[[str], object]
    for_signal: bool = False


OTLP = "OTEL_EXPORTER_OTLP_"
VARIABLES = (
    Variable(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "none: nothing is sent",
        "URL of a collector that takes OTLP over HTTP, to which /v1/traces is added; it turns traces on.",
        _url,
        for_signal=True,
    ),
    Variable("OTEL_SDK_DISABLED", "false", "true turns them off, whatever else is set.", str),
    Variable("OTEL_TRACES_EXPORTER", "otlp", "otlp, or none, which turns them off.", one_of("otlp", "none")),
    Variable(
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "http/protobuf",
        "http/protobuf; others are not offered.",
        one_of("http/protobuf"),
        for_signal=True,
    ),
    Variable("OTEL_SERVICE_NAME", "opsin", "Name under which the traces are found.", str),
    Variable(
        "OTEL_TRACES_SAMPLER",
        "parentbased_always_on",
        f"Which requests are traced: {', '.join(SAMPLERS)}. The parentbased ones do as the client's traceparent says, "
        "where there is one.",
        one_of(*SAMPLERS),
    ),
    Variable(
        "OTEL_TRACES_SAMPLER_ARG",
        "1.0",
        "Share of requests, from 0 to 1, that the samplers with ratio in their name take.",
        _number(0, 1, "a number"),
    ),
    Variable(
        "OTEL_PROPAGATORS",
        "tracecontext,baggage",
        "Without tracecontext in it no traceparent is believed, and every request begins a trace of its own.",
        _propagators,
    ),
    Variable(
        "OTEL_EXPORTER_OTLP_HEADERS",
        "none",
        "Headers that the spans are sent with, name=value, separated by commas, the values URL-encoded.",
        _headers,
        for_signal=True,
    ),
    Variable(
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        "10",
        "Seconds, as OpenTelemetry for Python has it, for sending a batch of spans, with all tries.",
        _number(0.001, MAX_TIMEOUT_S, "seconds"),
        for_signal=True,
    ),
    Variable(
        "OTEL_EXPORTER_OTLP_COMPRESSION",
        "none",
        "none, gzip or deflate.",
        one_of("none", "gzip", "deflate"),
        for_signal=True,
    ),
    Variable(
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "those that Python's requests knows",
        "PEM file of the certificates by which the collector is known.",
        _file,
        for_signal=True,
    ),
    Variable(
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        "none",
        "PEM file of the certificate that the server shows the collector, with OTEL_EXPORTER_OTLP_CLIENT_KEY.",
        _file,
        for_signal=True,
    ),
    Variable("OTEL_EXPORTER_OTLP_CLIENT_KEY", "none", "PEM file of its key.", _file, for_signal=True),
    Variable(
        "OTEL_BSP_SCHEDULE_DELAY",
        str(DEFAULT_DELAY_MS),
        "Milliseconds after which spans are sent, if there are not enough for a batch before.",
        whole(1, MAX_DELAY_MS),
    ),
    Variable(
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
        str(DEFAULT_BATCH),
        "Most spans that are sent together.",
        whole(1, MAX_SPANS),
    ),
    Variable(
        "OTEL_BSP_MAX_QUEUE_SIZE",
        str(DEFAULT_SPANS_WAITING),
        "Spans that wait to be sent, per HTTP worker; those past that are dropped, and counted.",
        whole(1, MAX_SPANS),
    ),
)
