"""`python -m models export` runs this: it needs the run's data and the gate, which `models` knows nothing of."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from models.arguments import add_export_arguments
from models.store.repository import Repository
from training.cli import command_line, load_version, run

PROGRAM = "python -m models export"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0 published, 1 refused, 2 bad arguments."""
    parser = argparse.ArgumentParser(prog=PROGRAM)
    add_export_arguments(parser)
    parser.add_argument("--repository", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    return run(PROGRAM, lambda: _export(options, command_line(PROGRAM, arguments)))


def _export(options: argparse.Namespace, command: str) -> str:
    artifact = load_version(options.repository, options.target)
    from optimize.for_device import add_file  # TensorFlow takes seconds to load: a wrong name is told before

    added = add_file(
        artifact,
        options.device,
        options.workdir,
        repository=Repository(options.repository),
        data_path=options.data,
        max_accuracy_drop=options.max_accuracy_drop,
        command=command,
    )
    return json.dumps(added.to_dict(), indent=2) if options.json else str(added)


if __name__ == "__main__":
    sys.exit(main())
