"""Rename files in a folder so that a kill at any moment can be finished or undone.

What is to be done is written down first, in a journal in the folder; how far it got is seen from the files alone.
A file takes its new name in one step, and never that of another file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from models.store.durable import make_folder, remove, replacing, sync_folder

FOLDER = ".relabel"  # hidden: no class


@dataclass(frozen=True, slots=True)
class Journal:
    """What is to be done, or was.

    Attributes:
        sha256: of the list that says it.
        folders: to be made, the outer ones first, below the folder.
        renames: of each file, the path that it had and the one that it gets, below the folder.
    """

    sha256: str
    folders: tuple[str, ...]
    renames: tuple[tuple[str, str], ...]


def last_journal(root: Path) -> Journal | None:
    """Read the journal that was begun last and not undone, if there is one; ValueError if it is damaged."""
    file = _last_file(root)
    if not file:
        return None
    try:
        values = json.loads(file.read_text())
        renames = tuple((old, new) for old, new in values["renames"])
        return Journal(values["sha256"], tuple(values["folders"]), renames)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{file} is damaged: nothing was moved; remove it to forget the moves that it names"
        ) from error


def begin(journal: Journal, root: Path) -> None:
    """Write down what is to be done."""
    make_folder(root / FOLDER)
    last = _last_file(root)
    number = int(last.stem) + 1 if last else 1
    with replacing(root / FOLDER / f"{number}.json") as temporary:
        temporary.write_text(json.dumps(asdict(journal), indent=1) + "\n")


def waiting(journal: Journal, root: Path) -> list[tuple[str, str]]:
    """Return the renames that are not done yet.

    Raises:
        ValueError: others have moved the files meanwhile, or written new ones.
    """
    return [rename for rename, is_done in _progress(journal, root) if not is_done]


def is_applied(journal: Journal, root: Path) -> bool:
    """Tell if no file waits for its new name; one that is in neither place was removed by a person since."""

    def is_there(path: Path) -> bool:
        return os.path.lexists(path) and path.lstat().st_size > 0  # an empty one may only claim the name

    return not any(is_there(root / old) and not is_there(root / new) for old, new in journal.renames)


def finish(journal: Journal, root: Path) -> int:
    """Do what is left; returns the number of files renamed now. ValueError as by `waiting`."""
    left = waiting(journal, root)
    for folder in journal.folders:
        (root / folder).mkdir(exist_ok=True)
    _rename(left, root)
    return len(left)


def undo(journal: Journal, root: Path) -> int:
    """Undo the last journal, and remove it; returns the number of files renamed. ValueError as by `waiting`."""
    done = [(new, old) for (old, new), is_done in _progress(journal, root) if is_done]
    _rename(reversed(done), root)
    for folder in reversed(journal.folders):
        if (root / folder).is_dir() and not any((root / folder).iterdir()):
            (root / folder).rmdir()
    if file := _last_file(root):
        file.unlink()
    remove_leftovers(root)
    sync_folder(root)
    return len(done)


def remove_leftovers(root: Path) -> None:
    """Remove the folder of the journals when it has none: what a kill has left."""
    if not _last_file(root):
        remove(root / FOLDER)


def _last_file(root: Path) -> Path | None:
    return max((root / FOLDER).glob("[0-9]*.json"), key=lambda file: int(file.stem), default=None)


def _progress(journal: Journal, root: Path) -> list[tuple[tuple[str, str], bool]]:
    """Return each rename with whether it is done; the empty files by which it claims a name are removed."""
    found = []
    for old, new in journal.renames:
        there = [path for path in (root / old, root / new) if os.path.lexists(path)]
        if len(there) == 2:
            claims = [path for path in there if path.lstat().st_size == 0]
            if len(claims) != 1:
                raise ValueError(f"both {old} and {new} are there: one of them is new, move it away first")
            claims[0].unlink()
        elif not there:
            raise ValueError(f"neither {old} nor {new} is there: put the photo back first")
        found.append(((old, new), os.path.lexists(root / new)))
    return found


def _rename(renames: Iterable[tuple[str, str]], root: Path) -> None:
    changed = set()
    for old, new in renames:
        source, target = root / old, root / new
        make_folder(target.parent)
        target.touch(exist_ok=False)  # claims the name: a rename would write over a file that has it
        try:
            source.replace(target)
        except OSError:
            target.unlink()
            raise
        changed |= {source.parent, target.parent}
    for folder in changed:
        sync_folder(folder)
