"""`python -m training relabel`: move photos to the classes that a list says, or undo it."""

from __future__ import annotations

import argparse
import itertools
import os
import shlex
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from models.files.hidden import REMOVED_FOLDER
from models.files.name_encodings import guess_encoding
from models.plural import how_many
from models.store.calibration import NONE_LABEL
from models.this_python import this_python
from training import journal
from training.cli import command_parser, run
from training.dataset import file_sha256
from training.journal import Journal
from training.moves import Move, read_moves

PROGRAM = "python -m training relabel"

EXAMPLES = f"""
examples:
  {PROGRAM} moves.csv --data photos --dry-run
      shows what would move; the list is written by the report of a run (report.html)
  {PROGRAM} moves.csv --data photos
      photos that belong to no class go to photos/{REMOVED_FOLDER}/, which no training reads
  {PROGRAM} --undo --data photos
      undoes the list that was applied last
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    return run(PROGRAM, lambda: _undo(options) if options.undo else _apply(options))


def plan(moves: Iterable[Move], data: Path, *, sha256: str) -> Journal:
    """Choose the new path of each photo: in the folder of its class, under a name that no other file has.

    Args:
        moves: from a list.
        data: the folder of the data set.
        sha256: of the list.

    Raises:
        ValueError: a photo is not there, a link leads out of the folder, or there is no such class.
    """
    renames: dict[str, str] = {}
    taken: set[str] = set()
    for move in moves:
        _refuse_links(move.path, data)
        if not (data / move.path).is_file():
            raise ValueError(f"{move.path} is not in {data}: was it moved before?")
        wanted = _new_path(move, data)
        _refuse_links(wanted.as_posix(), data)
        others = (wanted.with_stem(f"{wanted.stem}-{number}") for number in itertools.count(2))
        new = next(
            name.as_posix()
            for name in itertools.chain([wanted], others)
            # Some file systems hold upper and lower case, composed and decomposed, for one name.
            if not os.path.lexists(data / name) and _composed(name.as_posix()).casefold() not in taken
        )
        taken.add(_composed(new).casefold())
        renames[move.path] = new
    folders = {parent for new in renames.values() for parent in Path(new).parents if not (data / parent).exists()}
    return Journal(sha256, tuple(folder.as_posix() for folder in sorted(folders)), tuple(renames.items()))


def plan_of_list(file: Path, data: Path, *, sha256: str) -> tuple[list[Move], Journal]:
    """Read a list, in whatever encoding it was saved, and plan its moves.

    Raises:
        ValueError: it is no list of moves, or they cannot be done.
    """
    moves = read_moves(file)
    try:
        return moves, plan(moves, data, sha256=sha256)
    except ValueError:
        # Excel saves in the encoding of Windows, where it is not told otherwise.
        encoding = guess_encoding(file.read_bytes().splitlines()).encoding
        if encoding == "utf-8":
            raise
        moves = read_moves(file, encoding)
        return moves, plan(moves, data, sha256=sha256)


def _new_path(move: Move, data: Path) -> Path:
    """Return the path of a photo in its new class, whose folder is beside that of its old one."""
    if move.to == REMOVED_FOLDER:
        return Path(REMOVED_FOLDER, move.path)
    parts = Path(move.path).parts
    levels = [level for level, part in enumerate(parts[:-1]) if _composed(part) == _composed(move.label)]
    if not levels:
        raise ValueError(f"{move.path} lies in no folder {move.label!r}")
    for level in levels:
        for name in _folders(data.joinpath(*parts[:level])):
            if _composed(name) == _composed(move.to):
                return Path(*parts[:level], name, *parts[level + 1 :])
    # A class that has no photo to test on may have no folder there, and NONE_LABEL is a class that one begins.
    level = levels[0]
    beside = data.joinpath(*parts[: level - 1]) if level else data
    classes = {_composed(name) for folder in _folders(beside) for name in _folders(beside / folder)} if level else set()
    if _composed(move.to) not in {*classes, NONE_LABEL}:
        raise ValueError(f"there is no class {move.to!r} beside {move.label!r}, where {move.path} lies")
    return Path(*parts[:level], move.to, *parts[level + 1 :])


def _folders(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir() if entry.is_dir()]


def _refuse_links(path: str, data: Path) -> None:
    for part in (Path(path), *Path(path).parents):
        if (data / part).is_symlink() and part != Path():
            raise ValueError(f"{part} is a link: only what lies in the data folder itself can be moved")


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _apply(options: argparse.Namespace) -> str:
    data, file = _folder(options.data), options.list
    if not file:
        raise ValueError("name the list of moves, or give --undo to undo the last one")
    sha256, last = file_sha256(file), journal.last_journal(data)
    is_begun = last is not None and last.sha256 == sha256
    if last and not is_begun and not journal.is_applied(last, data):
        raise ValueError("another list is applied in part: give it again to finish it, or --undo it first")
    moves, wanted = (read_moves(file), last) if last and is_begun else plan_of_list(file, data, sha256=sha256)
    why = {move.path: move.why for move in moves}
    for old, new in wanted.renames:
        print(f"{old} -> {new}" + (f"  ({why[old]})" if why.get(old) else ""))
    if options.dry_run:
        return f"{how_many(len(wanted.renames), 'photo')} would move; nothing was changed"
    if not is_begun:
        journal.begin(wanted, data)
    num_moved = journal.finish(wanted, data)
    before = f", {len(wanted.renames) - num_moved} had been" if num_moved < len(wanted.renames) else ""
    undo = f"{this_python()} -m training relabel --undo --data {shlex.quote(str(options.data))}"
    return f"{how_many(num_moved, 'photo')} moved{before}; to undo it: {undo}"


def _undo(options: argparse.Namespace) -> str:
    data = _folder(options.data)
    last = journal.last_journal(data)
    if not last:
        journal.remove_leftovers(data)
        raise ValueError(f"no list was applied in {options.data} that is not undone")
    if options.list and file_sha256(options.list) != last.sha256:
        raise ValueError(
            f"{options.list.name} is not the list that was applied last: undo that one first, without a name"
        )
    if options.dry_run:
        return f"{how_many(len(last.renames), 'photo')} would go back; nothing was changed"
    return f"{how_many(journal.undo(last, data), 'photo')} went back"


def _folder(data: Path) -> Path:
    if not data.is_dir():
        raise ValueError(f"{data} is no folder: unpack a zip file first, and train on the folder then")
    return data


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(PROGRAM, "Move photos to the classes that a list says, or undo it.", EXAMPLES)
    parser.add_argument(
        "list", type=Path, nargs="?", metavar="LIST", help="a CSV file with the columns path, from, to and why"
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder with the class folders")
    parser.add_argument("--undo", action="store_true", help="undo the list that was applied last")
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")
    return parser
