"""Ends a command: the exit status, and one line where it is not 0."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from models.errors import ModelNotFound, OpsinError, RuntimeMissing, VersionNotFound
from models.predict.model import CoverageMissing, UnknownModel
from models.predict.pictures import UnusableSource
from models.predict.run_record import OutputRefused

WRONG_ARGUMENTS = (UnusableSource, OutputRefused, CoverageMissing, RuntimeMissing, UnknownModel)


def exit_status(run: Callable[[], int], *, program: str, repository: Path, out: object) -> int:
    """Run a command that classifies into `out`; returns the exit status, after one line on stderr where it fails."""
    status, message = 1, ""
    try:
        return run()
    except (ModelNotFound, VersionNotFound) as error:
        status, message = 2, f"{error} (repository {repository})"
    except WRONG_ARGUMENTS as error:
        status, message = 2, str(error)
    except OpsinError as error:
        message = str(error)
    except OSError as error:
        message = f"{out} cannot be written: {error.strerror or error}; once it can, the same command goes on"
    print(f"{program}: {message}", file=sys.stderr)
    return status
