"""The command ``python -m server``: check the settings, find the model, take the port, and serve."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from models.errors import OpsinError
from models.runtime.memory_limit import memory_limit_bytes
from models.store.reference import ModelReference
from models.store.repository import Repository
from server.address import AddressError, ReservedPort, is_loopback, open_listener
from server.admin import AdminToken
from server.api.keys import ApiKeys
from server.devices import DeviceChoice, explain_devices, runtime_warning, visible_gpus
from server.foreign_variables import forget_foreign_variables
from server.http.tls import TLS, TLSError
from server.logs import configure_logging
from server.memory_fit import allow_memory, need_of
from server.open_files import allow_files
from server.setting_rows import SettingsError, printed, unknown_variables
from server.settings import Settings
from server.tracing.settings import TracingSettings

TRACING_HELP = (
    "OTEL_EXPORTER_OTLP_ENDPOINT sends OpenTelemetry traces; docs/settings.md has the variables for that, too."
)


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the server until it is told to stop.

    Returns:
        1 where the address cannot be listened on, 2 where a setting is wrong or the model cannot be served; a server
        that ran leaves by SystemExit.
    """
    argparse.ArgumentParser(
        prog="python -m server",
        description="Serve an image classifier over HTTP. It is set by environment variables:",
        epilog=f"{printed(Settings)}\n\n{TRACING_HELP}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args(arguments)
    for warning in unknown_variables(Settings, environ):
        print(f"opsin: {warning}", file=sys.stderr)
    try:
        settings = Settings.from_environ(environ)
        tracing = TracingSettings.from_environ(environ)
        check_access(settings)
        tls = TLS(settings.tls_certificate, settings.tls_key) if settings.tls_certificate and settings.tls_key else None
        wanted = find_models(settings)
        choice = explain_devices(settings, visible_gpus(environ))
        asked = settings
        settings, fewer = allow_files(settings, num_gpus=sum(device.gpu is not None for device in choice.devices))
        settings, lower = fit_to_container(settings, wanted, choice, asked=asked)
        told = (fewer, lower, choice.warning, runtime_warning(settings), tls.warning if tls else None)
        for warning in filter(None, told):
            print(f"opsin: {warning}", file=sys.stderr, flush=True)
        listener = open_listener(settings.host, settings.port, is_tls=settings.is_tls)
        grpc_port = None if settings.grpc_port is None else ReservedPort(settings.host, settings.grpc_port)
        configure_logging(settings.log_level, settings.log_format)
        forget_foreign_variables(os.environ)
        from server.master import Server  # gunicorn is needed from here on, not for --help or a wrong setting

        server = Server(settings, wanted, choice, listener, tls, tracing, grpc_port)
    except (SettingsError, OpsinError, AddressError, TLSError) as error:
        print(f"opsin: {error}", file=sys.stderr)
        return 1 if isinstance(error, AddressError) else 2
    server.run()
    return 0


def check_access(settings: Settings) -> None:
    """Refuse to let the whole network in by mistake, and to begin without what deciding takes.

    Raises:
        SettingsError: other machines reach the server, and nobody has said who may ask; or a secret cannot be used, or
            what speaks with Redis, or gRPC, is not installed.
        AddressError: the host is no name.
    """
    if settings.rate_limit_redis and find_spec("redis") is None:
        raise SettingsError("OPSIN_RATE_LIMIT_REDIS takes what requirements/redis.txt installs: make serve REDIS=1")
    if settings.grpc_port is not None and find_spec("grpc") is None:
        raise SettingsError("OPSIN_GRPC_PORT takes what requirements/grpc.txt installs: make serve GRPC=1")
    AdminToken(settings)
    if settings.api_keys_file is not None:
        ApiKeys(settings.api_keys_file)
    elif not settings.allow_anonymous and not is_loopback(settings.host):
        raise SettingsError(
            f"OPSIN_HOST {settings.host!r} lets other machines in, and anybody there could ask: set "
            "OPSIN_API_KEYS_FILE to a file of API keys (python -m server.make_key NAME makes one), "
            "OPSIN_ALLOW_ANONYMOUS=1 to answer everybody, or OPSIN_HOST=127.0.0.1"
        )


def fit_to_container(
    settings: Settings, wanted: Sequence[ModelReference], choice: DeviceChoice, *, asked: Settings
) -> tuple[Settings, str | None]:
    """Fit the settings to the memory of the container that this is in, as `allow_memory`.

    What TensorFlow takes beside a GPU is not known: there they stay.
    """
    limit_bytes = memory_limit_bytes()
    if limit_bytes is None or any(device.gpu is not None for device in choice.devices):
        return settings, None
    return allow_memory(settings, limit_bytes, need_of(settings, wanted), asked=asked)


def find_models(settings: Settings) -> tuple[ModelReference, ...]:
    """Look up the models that the settings name; whether they can be loaded is for the engine to find out.

    Raises:
        ArtifactError: one is not there, or its routing or its manifest is broken.
        SettingsError: the repository holds no model.
    """
    repository = Repository(settings.repository)
    if not repository.names():
        raise SettingsError(
            f"OPSIN_REPOSITORY must be a folder with at least one model, got {str(settings.repository)!r}"
        )
    for wanted in settings.model:
        repository.load(wanted.name, wanted.version, verify=False)
    return settings.model
