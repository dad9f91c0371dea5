"""What publishes a version once more, where its run is gone and its data is at hand: command line and record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.arguments import version_reference
from models.store.artifact import Artifact
from models.store.repository import Repository
from training.cli import command_line, command_parser, load_version, run

if TYPE_CHECKING:
    from models.store.manifest import Manifest

Publish = Callable[[Artifact, Path, Repository, str], str]


def publish_again(
    program: str,
    description: str,
    examples: str,
    *,
    data_help: str,
    publish: Publish,
    arguments: Sequence[str] | None = None,
) -> int:
    """Read the arguments, open the version, and have it published; returns the exit code.

    Args:
        program: as it is typed.
        description: what it does, for the help.
        examples: for the help.
        data_help: what the data is to the version.
        publish: is given the version, the data's path, the repository and the command as typed; says what it published.
        arguments: those of the process if None.
    """
    parser = command_parser(program, description, examples)
    parser.add_argument("target", type=version_reference, metavar="NAME:VERSION")
    parser.add_argument("--data", type=Path, required=True, help=data_help)
    parser.add_argument("--repository", type=Path, default=Path("repository"), help="that has it; default: repository/")
    options = parser.parse_args(arguments)

    def publish_it() -> str:
        artifact = load_version(options.repository, options.target)
        return publish(artifact, options.data, Repository(options.repository), command_line(program, arguments))

    return run(program, publish_it)


def with_record(manifest: Manifest, kind: str, command: str) -> dict[str, Any]:
    """Return a version's provenance with one more record of its kind: of what, by which command, when, with what."""
    from training.made_with import made_with
    from training.manifest import PACKAGES

    made = {
        "of": str(manifest.reference),
        "command": command,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    records = [*manifest.provenance.get(kind, []), {**made, **made_with(PACKAGES)}]
    return {**manifest.provenance, kind: records}
