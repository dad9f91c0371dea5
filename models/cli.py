"""Runs the command line of `models`: arguments in, exit status out."""

from __future__ import annotations

import argparse
import io
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from models.arguments import PROG, parse
from models.canary.command import canary
from models.card.purpose import WrongPurpose, purpose
from models.commands import (
    export,
    history,
    index,
    inspect,
    list_models,
    print_verdicts,
    promote,
    publish,
    retire,
    rollback,
    verify,
)
from models.errors import ArtifactError, ModelNotFound, RuntimeMissing, VersionIsStable, VersionNotFound
from models.operating.command import CannotChoose, operating_point
from models.portable.verify import verify_file
from models.predict.command import predict
from models.store.repository import Repository

SHIPPED = Path(__file__).parent / "zoo"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a label that the terminal cannot show is no error
    try:
        typed = list(sys.argv[1:] if argv is None else argv)
        status = _run(parse(typed), typed)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough; what is still buffered must not go into the pipe at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return status


def _run(args: argparse.Namespace, typed: Sequence[str]) -> int:
    if args.command == "verify" and isinstance(args.target, Path):
        return _verify_file(args)
    is_publish = args.command == "publish"
    if args.command == "index" and not args.data.exists():
        return _fail(2, f"there is no folder or zip file {args.data}")
    root = repository_root(args.repository, is_written=args.command in ("publish", "import"))
    if args.command == "predict":
        return predict(args, root)
    if args.command == "import":
        return _import(args, root, f"{PROG} {shlex.join(typed)}")
    if is_publish and not args.artifact.is_dir():
        return _fail(2, f"there is no folder {args.artifact} to publish")
    if not is_publish and not root.is_dir():
        return _fail(2, f"there is no repository at {root}: give --repository DIR or set OPSIN_REPOSITORY")
    try:
        return _call(args, Repository(root))
    except (CannotChoose, WrongPurpose) as error:
        return _fail(2, str(error))
    except (ModelNotFound, VersionNotFound, VersionIsStable) as error:
        return _fail(2, f"{error} (repository {root})")
    except (ArtifactError, RuntimeMissing) as error:
        place = f"from {args.artifact} to {root}" if is_publish else f"repository {root}"
        return _fail(1, f"{error} ({place})")


def _call(args: argparse.Namespace, repository: Repository) -> int:
    match args.command:
        case "list":
            return list_models(repository, as_json=args.json)
        case "inspect":
            return inspect(repository, args.target, as_json=args.json)
        case "verify":
            return verify(repository, args.target, golden=args.golden, answers=args.answers, as_json=args.json)
        case "export":
            return export(repository, args.target, args.out, with_onnx=args.onnx, as_json=args.json)
        case "card":
            from models.card.command import card  # with Jinja, which nothing else here needs

            return card(repository, args.target, args.out, language=args.language, as_json=args.json)
        case "index":
            return index(repository, args.target, args)
        case "purpose":
            return purpose(repository, args)
        case "operating-point":
            return operating_point(repository, args)
        case "promote":
            return promote(repository, args.target, why=args.why, as_json=args.json)
        case "canary":
            return canary(repository, args)
        case "rollback":
            return rollback(repository, args.name, why=args.why, as_json=args.json)
        case "retire":
            return retire(repository, args.target, why=args.why, as_json=args.json)
        case "history":
            return history(repository, args.name, as_json=args.json)
        case _:
            precision = "float32" if args.onnx_float32 else "own" if args.onnx else None
            onnx = {"onnx_precision": precision, "test": args.test}
            return publish(repository, args.artifact, name=args.name, **onnx, as_json=args.json)


def _verify_file(args: argparse.Namespace) -> int:
    for file in filter(None, (args.target, args.golden, args.answers)):
        if not file.is_file():
            return _fail(2, f"there is no file {file}")
    try:
        return print_verdicts(verify_file(args.target, args.golden, args.answers), as_json=args.json)
    except (ArtifactError, RuntimeMissing) as error:
        return _fail(1, str(error))


def _import(args: argparse.Namespace, root: Path, command: str) -> int:
    from models.importing.command import import_model, missing  # with LiteRT, which other commands need not wait for

    if problem := missing(args):
        return _fail(2, problem)
    try:
        return import_model(args, root, command)
    except (ArtifactError, RuntimeMissing) as error:
        what = args.file.name if args.file else args.application
        return _fail(1, f"{error} ({what}: nothing more was published)")
    except OSError as error:
        return _fail(1, f"it cannot be read, or there is no room to work in: {error.strerror or error}")


def _fail(status: int, message: str) -> int:
    sys.stdout.flush()
    print(f"{PROG}: {message}", file=sys.stderr)
    return status


def repository_root(given: Path | None, *, is_written: bool) -> Path:
    """Return the repository that is given, or else set in the environment, or else here."""
    if given is not None:
        return given
    if from_environment := os.environ.get("OPSIN_REPOSITORY"):
        return Path(from_environment)
    local = Path("repository")
    return local if is_written or local.is_dir() else SHIPPED
