"""The command ``python -m server``: check the settings, find the model, take the port, and serve."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

from models.errors import OpsinError
from models.store.reference import ModelReference
from models.store.repository import Repository
from server.address import AddressError, open_listener
from server.devices import explain_devices, runtime_warning, visible_gpus
from server.request_log import configure_logging
from server.settings import Settings, SettingsError, settings_table, unknown_variables


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the server until it is told to stop.

    Returns:
        1 where the address cannot be listened on, 2 where a setting is wrong or the model cannot be served; a server
        that ran leaves by SystemExit.
    """
    argparse.ArgumentParser(
        prog="python -m server",
        description="Serve an image classifier over HTTP. It is set by environment variables:",
        epilog=settings_table(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args(arguments)
    for warning in unknown_variables(environ):
        print(f"opsin: {warning}", file=sys.stderr)
    try:
        settings = Settings.from_environ(environ)
        wanted = find_models(settings)
        choice = explain_devices(settings, visible_gpus(environ))
        for warning in filter(None, (choice.warning, runtime_warning(settings))):
            print(f"opsin: {warning}", file=sys.stderr, flush=True)
        listener = open_listener(settings.host, settings.port)
        configure_logging(settings.log_level)
        from server.master import Server  # gunicorn is needed from here on, not for --help or a wrong setting

        server = Server(settings, wanted, choice, listener)
    except (SettingsError, OpsinError, AddressError) as error:
        print(f"opsin: {error}", file=sys.stderr)
        return 1 if isinstance(error, AddressError) else 2
    server.run()
    return 0


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
