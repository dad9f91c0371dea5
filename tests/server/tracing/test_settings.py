"""The settings of traces: off unless a collector is named, and one clear line where a value cannot be used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from server.setting_rows import SettingsError
from server.tracing import settings
from server.tracing.settings import TracingSettings
from server.tracing.variables import VARIABLES

REPO = Path(__file__).resolve().parents[3]
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
HERE = {ENDPOINT: "http://127.0.0.1:4318"}


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {ENDPOINT: ""},
        {"OTEL_SERVICE_NAME": "photos", "OTEL_TRACES_SAMPLER": "nonsense"},
        {**HERE, "OTEL_SDK_DISABLED": "TRUE", "OTEL_BSP_SCHEDULE_DELAY": "x"},
        {**HERE, "OTEL_TRACES_EXPORTER": "None"},
    ],
)
def test_nothing_is_sent_and_checked_unless_it_is_asked_for(environ):
    assert TracingSettings.from_environ(environ) is None


def test_headers_are_checked_and_never_shown():
    with pytest.raises(SettingsError, match="OTEL_EXPORTER_OTLP_HEADERS must be name=value") as caught:
        TracingSettings.from_environ({**HERE, "OTEL_EXPORTER_OTLP_HEADERS": "a=b,api-key secret"})
    assert "secret" not in str(caught.value)
    assert TracingSettings.from_environ({**HERE, "OTEL_EXPORTER_OTLP_HEADERS": "a=b, api-key=%20c,"})


def test_collector_turns_them_on():
    assert TracingSettings.from_environ(HERE) == TracingSettings(2048, 512, 5000, False, True)
    assert TracingSettings.from_environ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://a.example/v1/traces"})


def test_values_that_can_be_used():
    environ = {
        **HERE,
        "OTEL_SDK_DISABLED": "false",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",  # of logs and metrics
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.25",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2.5",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": __file__,
        "OTEL_RESOURCE_ATTRIBUTES": "service.name=photos",
        "OTEL_PROPAGATORS": "none",
        "OTEL_BSP_MAX_QUEUE_SIZE": "20",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    assert TracingSettings.from_environ(environ) == TracingSettings(20, 10, 100, True, False)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            ENDPOINT,
            "collector:4318",
            "the URL of a collector that takes OTLP over HTTP, such as http://127.0.0.1:4318, got something else",
        ),
        (ENDPOINT, "http://", "the URL of a collector that takes OTLP over HTTP"),
        ("OTEL_TRACES_EXPORTER", "zipkin", "one of otlp, none, got 'zipkin'"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "one of http/protobuf, got 'grpc'"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", "one of http/protobuf, got 'http/json'"),
        ("OTEL_TRACES_SAMPLER", "half", "one of always_on, always_off, parentbased_always_on"),
        ("OTEL_TRACES_SAMPLER_ARG", "50", "a number from 0 to 1, got '50'"),
        ("OTEL_TRACES_SAMPLER_ARG", "nan", "a number from 0 to 1, got 'nan'"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10000", "seconds from 0.001 to 300, got '10000'"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli", "one of none, gzip, deflate, got 'brotli'"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere", "a PEM file, got '/nowhere'"),
        ("OTEL_PROPAGATORS", "b3", "tracecontext, baggage or none, separated by commas, got 'b3'"),
        ("OTEL_BSP_SCHEDULE_DELAY", "0", "a whole number from 1 to 600000, got '0'"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100", "at least OTEL_BSP_MAX_EXPORT_BATCH_SIZE, 512, got 100"),
    ],
)
def test_value_that_cannot_be_used_is_named(name, value, message):
    with pytest.raises(SettingsError, match=f"^{name} must be {re.escape(message)}"):
        TracingSettings.from_environ({**HERE, name: value})


def test_password_of_a_collector_is_shown_nowhere():
    with pytest.raises(SettingsError) as caught:
        TracingSettings.from_environ({ENDPOINT: "ftp://user:secret@host"})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("package", ["nowhere", "opentelemetry.nowhere"])
def test_packages_that_are_missing_stop_the_start(monkeypatch, package):
    monkeypatch.setattr(settings, "EXPORTER_PACKAGE", f"{package}.exporter")
    with pytest.raises(SettingsError, match=r"takes what requirements/tracing\.txt installs: make serve TRACING=1"):
        TracingSettings.from_environ(HERE)


@pytest.mark.parametrize("row", VARIABLES, ids=lambda row: row.name)
def test_documented_variables_are_those_that_are_read(row):
    documented = (REPO / "docs" / "settings.md").read_text()
    assert f"| `{row.name}` | {row.default} | {row.meaning} |\n" in documented
