"""The table of settings."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from models.pixels.preprocessing import ImageLimits
from models.pixels.spec import MAX_PIXELS
from models.store.reference import ModelReference
from server.setting_rows import SettingsError, printed, unknown_variables, variable
from server.settings import Settings


def test_defaults_serve_the_shipped_model_on_loopback():
    settings = Settings.from_environ({})
    assert (settings.host, settings.port, settings.model) == ("127.0.0.1", 5000, ())
    assert settings.repository.parts[-2:] == ("models", "zoo")
    assert settings.workers >= 1


def test_variables_are_read_with_their_types():
    environ = {
        "OPSIN_PORT": "8080",
        "OPSIN_REPOSITORY": "/data",
        "OPSIN_MODEL": "m:2, other",
        "OPSIN_LOG_LEVEL": "INFO",
    }
    settings = Settings.from_environ(environ)
    assert (settings.port, settings.repository) == (8080, Path("/data"))
    assert (settings.model, settings.log_level) == ((ModelReference("m", 2), ModelReference("other")), "info")


@pytest.mark.parametrize("name", ["OPSIN_TLS_CERTIFICATE", "OPSIN_TLS_KEY"])
def test_certificate_and_key_are_set_together(name):
    with pytest.raises(SettingsError, match="OPSIN_TLS_CERTIFICATE and OPSIN_TLS_KEY must be set both, or neither"):
        Settings.from_environ({name: "file.pem"})
    both = Settings.from_environ({"OPSIN_TLS_CERTIFICATE": "a.pem", "OPSIN_TLS_KEY": "b.pem"})
    assert both.is_tls
    assert not Settings().is_tls


def test_value_that_may_hold_a_password_is_never_shown():
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({"OPSIN_RATE_LIMIT_REDIS": "http://:secret@redis"})
    line = "OPSIN_RATE_LIMIT_REDIS must be a URL that begins with redis:// or rediss://, got something else"
    assert str(caught.value) == line


def test_empty_variable_counts_as_not_set():
    assert Settings.from_environ({"OPSIN_PORT": " "}).port == 5000


def test_port_that_kubernetes_sets_for_a_service_named_opsin_counts_as_not_set():
    assert Settings.from_environ({"OPSIN_PORT": "tcp://10.0.0.1:80"}).port == 5000
    assert Settings.from_environ({"OPSIN_GRPC_PORT": "tcp://10.0.0.1:80"}).grpc_port is None


def test_grpc_has_a_partition_of_its_own():
    assert Settings.from_environ({"OPSIN_WORKERS": "3"}).num_partitions == 3
    assert Settings.from_environ({"OPSIN_WORKERS": "3", "OPSIN_GRPC_PORT": "0"}).num_partitions == 4


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("OPSIN_PORT", "65536"),
        ("OPSIN_PORT", "-1"),
        ("OPSIN_PORT", "five"),
        ("OPSIN_PORT", "٣"),
        ("OPSIN_GRPC_PORT", "65536"),
        ("OPSIN_WORKERS", "0"),
        ("OPSIN_HOST", "http://localhost"),
        ("OPSIN_MODEL", "name:latest"),
        ("OPSIN_MODEL", "Name"),
        ("OPSIN_MODEL", ":1"),
        ("OPSIN_MODEL", "a,,b"),
        ("OPSIN_DEVICE", "tpu"),
        ("OPSIN_DEVICE", "cpu:1"),
        ("OPSIN_DEVICE", "gpu:"),
        ("OPSIN_RUNTIME", "onnx"),
        ("OPSIN_ALLOW_ANONYMOUS", "yes"),
        ("OPSIN_RATE_LIMIT", "often"),
        ("OPSIN_RATE_LIMIT", "0/second"),
        ("OPSIN_RATE_LIMIT", "1/1000000000000 year"),
        ("OPSIN_RATE_LIMIT", "9" * 30 + "/second"),
        ("OPSIN_CORS_ORIGINS", "app.example"),
        ("OPSIN_CORS_ORIGINS", "https://app.example/"),
        ("OPSIN_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("OPSIN_TRUSTED_PROXIES", "proxy.example"),
        ("OPSIN_LOG_LEVEL", "loud"),
        ("OPSIN_MAX_IMAGES", "9" * 5000),
        ("OPSIN_MAX_IMAGE_PIXELS", str(MAX_PIXELS + 1)),
    ],
)
def test_bad_value_is_refused_with_one_line_that_names_it(name, text):
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({name: text})
    message = str(caught.value)
    assert message.startswith(f"{name} must be ")
    assert f"got {text[:100]!r}" in message
    assert "\n" not in message


def test_most_pixels_that_may_be_set_are_the_most_that_can_be_served():
    settings = Settings.from_environ({"OPSIN_MAX_IMAGE_PIXELS": str(MAX_PIXELS)})
    ImageLimits(max_pixels=settings.max_image_pixels)
    with pytest.raises(ValueError, match="max_pixels"):
        ImageLimits(max_pixels=MAX_PIXELS + 1)


def test_queue_that_cannot_hold_one_request_is_refused():
    assert Settings.from_environ({"OPSIN_MAX_QUEUE": "32"}).max_queue == 32
    with pytest.raises(SettingsError, match="OPSIN_MAX_QUEUE must be at least OPSIN_MAX_IMAGES, 32, got 31"):
        Settings.from_environ({"OPSIN_MAX_QUEUE": "31"})


def test_request_threads_exceed_the_queue_so_that_a_refusal_is_never_late():
    assert Settings.from_environ({"OPSIN_MAX_QUEUE": "100"}).num_threads > 100
    assert Settings.from_environ({"OPSIN_THREADS": "7"}).num_threads == 7


def test_unknown_variable_gets_a_warning_with_the_nearest_name():
    warnings = unknown_variables(Settings, {"OPSIN_PROT": "1", "OPSIN_PORT": "1", "OTHER": "1"})
    assert warnings == ["OPSIN_PROT is no setting and has no effect; the nearest name is OPSIN_PORT"]


def test_variable_that_kubernetes_sets_for_a_service_gets_no_warning():
    assert (
        unknown_variables(Settings, {"OPSIN_SERVICE_HOST": "10.0.0.1", "OPSIN_CANARY_PORT": "udp://10.0.0.2:53"}) == []
    )


def test_table_has_every_setting():
    table = printed(Settings)
    assert all(variable(row.name) in table and row.metadata["meaning"] for row in fields(Settings))
