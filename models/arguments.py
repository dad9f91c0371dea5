"""Declares the arguments of `python -m models`, and their help."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from models.canary.arguments import add_arguments as add_canary_arguments
from models.canary.arguments import check_arguments as check_canary_arguments
from models.card.purpose import add_arguments as add_purpose_arguments
from models.importing.arguments import add_arguments as add_import_arguments
from models.importing.arguments import with_ranges_as_values
from models.operating.arguments import add_arguments as add_operating_point_arguments
from models.operating.arguments import check_arguments as check_operating_point_arguments
from models.predict.arguments import add_arguments as add_predict_arguments
from models.store.fields import validate_name
from models.store.reference import ModelReference
from models.words import DEFAULT, LANGUAGES

PROG = "python -m models"

Add = Callable[[str, str], argparse.ArgumentParser]  # a command and what it is for

_EPILOG = """\
examples:
  python -m models list                            what is there, and which version is served
  python -m models inspect cifar10                 everything about the stable version of cifar10
  python -m models inspect cifar10:11 --json       the manifest of version 11, for a program
  python -m models verify                          compare every file of every version with its sha256
  python -m models verify cifar10                  the same for the versions of one model, and their golden answers
  python -m models export cifar10 --out phone      write model.tflite, its golden answers and their pictures
  python -m models verify phone/model.tflite --answers answers.json
                                                   where the answers made elsewhere part from the golden ones
  python -m models publish models/zoo/cifar10/11 --name mine --repository /srv/models
                                                   copy a version; it becomes the next, stable version of "mine"
  python -m models import birds birds.tflite --labels birds.txt --try photos
                                                   make a version of somebody else's classifier
  python -m models predict cifar10 photos --out answers.csv
                                                   classify every picture in a folder; a killed run goes on
  python -m models index mine --data photos.zip --licence "CC-BY 4.0 by Ada" --may-be-shown
                                                   publish a version with some of its training pictures beside it
  python -m models purpose mine --for "Sorting photos of our own garden" --licence "CC-BY 4.0"
                                                   say on its card what it is for, not for, and who answers for it
  python -m models promote mine:1                  serve version 1 again; running servers switch by themselves
  python -m models canary mine --version 2 --percent 10
                                                   give a tenth of the requests to version 2 (canary --help has more)
  python -m models rollback mine --why "slow"      end the canary, or serve what was stable before; the history keeps
                                                   who, when and why

exit status: 0 all is well; 1 something is corrupt, or cannot be read or written; 2 wrong arguments, or not there
"""


class Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line, instead of after the whole usage."""

    def error(self, message: str) -> NoReturn:
        """End the process with status 2, after one line on stderr."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command and its arguments; SystemExit 2, after one line on stderr, if they are wrong."""
    parser = _parser()
    arguments = with_ranges_as_values(list(sys.argv[1:] if argv is None else argv))
    # The defaults are given here, and suppressed in `_shared`, so that these may stand before and after the command.
    args = parser.parse_args(arguments, argparse.Namespace(repository=None, json=False))
    if args.command == "verify" and args.target is None and (args.golden or args.answers):
        parser.error("--golden and --answers need a FILE or NAME to compare with")
    if args.command == "publish" and args.test and not (args.onnx or args.onnx_float32):
        parser.error("--test measures an ONNX file: give --onnx, too")
    if args.command == "operating-point":
        check_operating_point_arguments(parser, args)
    if args.command == "canary":
        check_canary_arguments(parser, args)
    return args


def _parser() -> argparse.ArgumentParser:
    shared = _shared()
    parser = Parser(
        prog=PROG,
        parents=[shared],
        description="Look at a repository of models, check that nothing in it has changed, publish to it, promote.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    add = partial(_add, commands, shared)
    _add_what_reads(add)
    _add_what_decides(add)
    _add_what_makes_versions(add)
    predict = add("predict", "classify the pictures of a folder, zip file or list into one file")
    add_predict_arguments(predict)
    return parser


def _add_what_reads(add: Add) -> None:
    """Declare the commands that change nothing."""
    add("list", "print name, version, size and accuracy of everything in the repository")
    inspect = add("inspect", "print everything about one version, once its files are verified")
    inspect.add_argument("target", type=_reference, metavar="NAME[:VERSION]", help="VERSION defaults to the stable one")
    verify = add("verify", "compare files with their sha256, and answers with the golden ones")
    verify.add_argument(
        "target",
        type=_file_or_reference,
        nargs="?",
        metavar="FILE|NAME[:VERSION]",
        help="only this model, or this version of it, and its golden answers too; or those of a .tflite or .onnx file",
    )
    verify.add_argument("--golden", type=Path, metavar="FILE", help="golden answers (golden.json beside it)")
    verify.add_argument(
        "--answers",
        type=Path,
        metavar="FILE",
        help='answers made elsewhere to compare, as JSON: {"landscape.jpg": [probabilities], ...}',
    )
    export = add("export", "write the model file, its golden answers and pictures into a folder")
    export.add_argument("target", type=_reference, metavar="NAME[:VERSION]", help="VERSION defaults to the stable one")
    export.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write, which may exist")
    export.add_argument("--onnx", action="store_true", help="write model.onnx, too (needs requirements/onnx.txt)")
    card = add("card", "write what a person needs to decide about a version, as a page or as JSON")
    card.add_argument("target", type=_reference, metavar="NAME[:VERSION]", help="VERSION defaults to the stable one")
    card.add_argument("--out", type=Path, metavar="FILE", help="page to write, such as card.html (standard output)")
    card.add_argument("--language", choices=LANGUAGES, default=DEFAULT, help=f"of the page ({DEFAULT})")


def _add_what_decides(add: Add) -> None:
    """Declare the commands about which version answers, for what it is, and from when on it is sure."""
    point = add("operating-point", "set from which probability on answers are accepted, or print it")
    point.add_argument("target", type=version_reference, metavar="NAME:VERSION")
    add_operating_point_arguments(point)
    purpose = add("purpose", "say what a version and those after it are for, or print what is said")
    purpose.add_argument("target", type=_reference, metavar="NAME[:VERSION]", help="VERSION defaults to the stable one")
    add_purpose_arguments(purpose)
    promote = add("promote", "make a version the stable one, which servers switch to")
    promote.add_argument("target", type=version_reference, metavar="NAME:VERSION")
    canary = add("canary", "give a version a share of the requests, or compare its answers unseen")
    canary.add_argument("name", type=_name, metavar="NAME")
    add_canary_arguments(canary)
    rollback = add("rollback", "end the canary, or make the version stable again that was so before")
    rollback.add_argument("name", type=_name, metavar="NAME")
    retire = add("retire", "remove a version that is not the stable one")
    retire.add_argument("target", type=version_reference, metavar="NAME:VERSION")
    for command in (promote, canary, rollback, retire, point, purpose):
        command.add_argument("--why", default="", metavar="TEXT", help="for the history")
    history = add("history", "print what was done to a model, by whom and why")
    history.add_argument("name", type=_name, metavar="NAME")


def _add_what_makes_versions(add: Add) -> None:
    """Declare the commands that publish."""
    publish = add("publish", "copy an artifact into the repository as the next, stable version")
    publish.add_argument("artifact", type=Path, metavar="ARTIFACT_DIR", help="folder with a manifest.json")
    publish.add_argument("--name", type=_name, help="name of the model (default: the one in the manifest)")
    onnx = publish.add_mutually_exclusive_group()
    onnx.add_argument(
        "--onnx", action="store_true", help="add model.onnx, for ONNX Runtime, with its figures (requirements/onnx.txt)"
    )
    onnx.add_argument(
        "--onnx-float32", action="store_true", help="the same, computed in float32: what a GPU runs of an int8 model"
    )
    publish.add_argument(
        "--test", type=Path, metavar="PHOTOS", help="with --onnx: test photos, in a folder or zip file of one a label"
    )
    index = add("index", "publish a version with training pictures beside it, found by features")
    index.add_argument("target", type=_reference, metavar="NAME[:VERSION]", help="VERSION defaults to the stable one")
    index.add_argument(
        "--data", type=Path, required=True, help="training pictures: a folder or zip file of one a label"
    )
    index.add_argument("--licence", required=True, metavar="TEXT", help="of the pictures, and who is to be named")
    index.add_argument(
        "--may-be-shown", action="store_true", help="the licence allows that a server shows them to whoever asks it"
    )
    index.add_argument("--per-class", type=_positive, default=40, metavar="N", help="at most so many of each (40)")
    imported = add("import", "make the next, stable version of a model of somebody else's file")
    imported.add_argument("name", type=_name, metavar="NAME", help="of the model here")
    add_import_arguments(imported)


def _shared() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    shared.add_argument(
        "--repository",
        type=Path,
        metavar="DIR",
        help="folder of the models (default: $OPSIN_REPOSITORY, else ./repository where it exists, else the shipped "
        "models; publish and import make ./repository rather than change the shipped ones)",
    )
    shared.add_argument("--json", action="store_true", help="print JSON, for programs")
    return shared


def _add(commands: Any, shared: argparse.ArgumentParser, name: str, purpose: str) -> argparse.ArgumentParser:
    description = f"{purpose[0].upper()}{purpose[1:]}."
    parser: argparse.ArgumentParser = commands.add_parser(name, parents=[shared], help=purpose, description=description)
    return parser


def _reference(text: str) -> ModelReference:
    try:
        return ModelReference.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"it must be a whole number >= 1, got {text!r}")
    return number


def _file_or_reference(text: str) -> Path | ModelReference:
    """Read a path, which has a slash or a suffix of model files, or else the name of a model."""
    return Path(text) if "/" in text or text.endswith((".tflite", ".onnx")) else _reference(text)


def version_reference(text: str) -> ModelReference:
    """Read NAME:VERSION, as the type of an argument."""
    reference = _reference(text)
    if reference.version is None:
        raise argparse.ArgumentTypeError(f"a version must be named, as in {text}:1")
    return reference


def _name(text: str) -> str:
    try:
        return validate_name(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
