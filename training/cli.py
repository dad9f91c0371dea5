"""Run a command of training or compression: an error or a signal becomes a line and an exit code."""

from __future__ import annotations

import argparse
import io
import logging
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from models.errors import ModelNotFound, OpsinError, VersionNotFound
from models.quiet_import import quiet_tensorflow
from models.store.artifact import Artifact
from models.store.reference import ModelReference
from models.store.repository import Repository
from training.failures import what_to_change
from training.stopping import Stopped, signals_as_exceptions

EXIT_REFUSED = 1
EXIT_BAD_ARGUMENTS = 2
EXIT_INTERRUPTED = 130
SIGNALLED = 128  # and the number of the signal


def command_parser(program: str, description: str, examples: str) -> argparse.ArgumentParser:
    """Make a parser whose help ends with examples as they are written."""
    formatter = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(prog=program, description=description, epilog=examples, formatter_class=formatter)


def command_line(program: str, arguments: Sequence[str] | None) -> str:
    """Return the command as typed; `arguments` is None for those of this process."""
    command = f"{program} {shlex.join(sys.argv[1:] if arguments is None else arguments)}"
    return command.encode("utf-8", "backslashreplace").decode()  # a path need not be UTF-8, but a manifest is


def load_version(repository: Path, target: ModelReference) -> Artifact:
    """Load and verify the version that an argument names; ValueError where it is not there."""
    try:
        return Repository(repository).load(target.name, target.version)
    except (ModelNotFound, VersionNotFound) as error:
        raise ValueError(str(error)) from error


def leave(exit_code: int) -> NoReturn:
    """End the process; after a signal at once, as TensorFlow takes seconds to unload and a container is given ten."""
    if exit_code > SIGNALLED:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code)
    sys.exit(exit_code)


def run(program: str, action: Callable[[], str], *, goes_on: bool = False) -> int:
    """Run a command and print what it returns.

    Args:
        program: its name.
        action: what it does.
        goes_on: True if the same command goes on where it was stopped, as is then said.

    Returns:
        The exit code: 0; or, with one line on standard error, 1 for a result that was refused, for a file that cannot
        be read or written and for a full disk or memory, 2 for arguments that cannot be used, 130 after Ctrl-C, 143
        after SIGTERM.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # `... > night.log &` is to be read while it runs
    quiet_tensorflow()  # before the action loads it
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for library in ("absl", "tensorflow"):  # they tell of every file that they write
        logging.getLogger(library).setLevel(logging.ERROR)
    then = "; the same command goes on" if goes_on else ""
    try:
        with signals_as_exceptions():
            print(action())
    except Stopped as signal:
        print(f"stopped by {signal}{then}", file=sys.stderr)
        return signal.exit_code
    except KeyboardInterrupt:
        print(f"stopped{then}", file=sys.stderr)
        return EXIT_INTERRUPTED
    except ValueError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return EXIT_BAD_ARGUMENTS
    except Exception as error:
        reason = what_to_change(error) or (str(error) if isinstance(error, OpsinError | OSError) else None)
        if isinstance(error, OSError) and reason == str(error) and error.filename and error.strerror:
            reason = f"{error.filename}: {error.strerror}"  # without its number
        if reason is None:
            raise
        print(f"{program}: {reason}", file=sys.stderr)
        return EXIT_REFUSED
    return 0
