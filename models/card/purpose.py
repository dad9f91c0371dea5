"""`python -m models purpose`: says what a version is for, for its card, or prints what is said."""

from __future__ import annotations

import argparse
import json
from typing import Any

from models.store.purposes import MAX_CHARACTERS, MAX_LINES, Purpose
from models.store.reference import ModelReference
from models.store.repository import Repository

LINES = {"is_for": "--for", "is_not_for": "--not-for", "caveats": "--caveat"}
TEXTS = {"made_by": "--by", "contact": "--contact", "licence": "--licence"}
WORDS = {
    "is_for": "for",
    "is_not_for": "not for",
    "caveats": "to bear in mind",
    "made_by": "made by",
    "contact": "questions to",
    "licence": "licence",
}
HELP = {
    "is_for": f"what it is for; repeat it for more lines, at most {MAX_LINES} of {MAX_CHARACTERS} characters",
    "is_not_for": "what it is not for; repeat it for more",
    "caveats": "what else to bear in mind: whom it may harm, what its data lacks; repeat it for more",
    "made_by": "who made it",
    "contact": "where questions go",
    "licence": "under which it may be used",
}


class WrongPurpose(ValueError):
    """What is to be said is too long, or no plain text; the message says what is allowed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare those that stand beside the version."""
    for name, option in LINES.items():
        parser.add_argument(option, dest=name, action="append", metavar="TEXT", help=HELP[name])
    for name, option in TEXTS.items():
        parser.add_argument(option, dest=name, metavar="TEXT", help=HELP[name])
    parser.add_argument("--clear", action="store_true", help="say nothing of it any more, or what other options say")


def purpose(repository: Repository, args: argparse.Namespace) -> int:
    """Say something of a version, if anything is to be said, and print what is said; returns 0.

    What is given takes the place of what was said, field by field; the other fields stay.

    Args:
        repository: that has the version.
        args: of `add_arguments`, with target, why and json.

    Raises:
        WrongPurpose: a text is not allowed.
    """
    target: ModelReference = args.target
    manifest = repository.load(target.name, target.version, verify=False).manifest
    name, version = manifest.name, manifest.version
    given: dict[str, Any] = {field: getattr(args, field) for field in (*LINES, *TEXTS)}
    given = {field: value for field, value in given.items() if value is not None}
    if args.clear or given:
        before = None if args.clear else repository.purpose(name, version)
        try:
            said = Purpose.from_dict({**(before.to_dict() if before else {}), **given}) if given else None
        except ValueError as error:
            raise WrongPurpose(str(error)) from error
        repository.set_purpose(name, version, said, why=args.why)
    found = repository.purpose(name, version)
    if args.json:
        print(json.dumps({"name": name, "version": version, "purpose": found and found.to_dict()}, indent=2))
    elif found is None:
        print(
            f"nothing is said of {manifest.reference}: give {', '.join(LINES.values())} or {', '.join(TEXTS.values())}"
        )
    else:
        print("\n".join([f"what the publisher of {manifest.reference} says:", *in_words(found)]))
    return 0


def in_words(said: Purpose) -> list[str]:
    """Return lines for a terminal."""
    fields = said.to_dict().items()
    every = [(WORDS[name], line) for name, value in fields for line in (value if name in LINES else [value]) if line]
    return [f"  {what}: {line}" for what, line in every]
