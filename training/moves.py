"""A list of moves: photos that lie in the wrong class, as a CSV file with the columns path, from, to and why."""

from __future__ import annotations

import csv
import io
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from models.store.durable import replace_file

COLUMNS = ("path", "from", "to", "why")
_SEPARATOR_LINE = re.compile(r'"?sep=(?P<separator>[^\r\n"])"?[,;\t]*(\r\n|\r|\n)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Move:
    """A photo that belongs elsewhere.

    Attributes:
        path: of the photo in the data set, with "/".
        label: the class whose folder it is in.
        to: the class that it belongs to, or `models.files.hidden.REMOVED_FOLDER` for none.
        why: in words.

    Raises:
        ValueError: the path leaves the data set, or a class is no name of a folder.
    """

    path: str
    label: str
    to: str
    why: str = ""

    def __post_init__(self) -> None:
        parts = PurePosixPath(self.path).parts
        if not parts or parts[0] == "/" or ".." in parts or "\0" in self.path or "/".join(parts) != self.path:
            raise ValueError(f"the path must lead to a photo below the data folder, got {self.path!r}")
        hidden = [part for part in (*parts, self.to) if part.startswith(".")]
        if hidden or not self.to or "/" in self.to or "\0" in self.to:
            raise ValueError(
                f"no hidden file or folder can move, and a class is one folder: {self.path!r} to {self.to!r}"
            )
        if self.to == self.label:
            raise ValueError(f"{self.path} is in {self.to} already")


def read_moves(file: Path, encoding: str = "utf-8") -> list[Move]:
    """Read a list of moves.

    Args:
        file: as a spreadsheet program may have saved it, too.
        encoding: of what is neither UTF-8 nor UTF-16; "utf-8" for names of files that are in no encoding.

    Raises:
        ValueError: it is no such list; the message names the line.
    """
    # A name of a file need not be UTF-8. Excel begins a file with a mark, saves "Unicode text" as UTF-16 with tabs, in
    # places parts columns by semicolons, or by what its first line "sep=;" says, and keeps rows that were emptied.
    content = file.read_bytes()
    is_utf_16 = content.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
    if is_utf_16:
        text = content.decode("utf-16", "replace")
    elif encoding == "utf-8":
        text = content.decode("utf-8-sig", "surrogateescape")
    else:
        text = content.decode(encoding)
    said = _SEPARATOR_LINE.match(text)
    text = text[said.end() :] if said else text
    delimiter = said["separator"] if said else max(",;\t", key=text.partition("\n")[0].count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    moves: dict[str, Move] = {}
    try:
        missing = [column for column in COLUMNS[:3] if column not in (rows.fieldnames or ())]
        if missing:
            raise ValueError(f"there is no column {', '.join(missing)}: a list of moves has {', '.join(COLUMNS)}")
        for row in rows:
            if not any(row.values()):
                continue
            move = Move(*(row.get(column) or "" for column in COLUMNS))
            if moves.setdefault(move.path, move).to != move.to:
                raise ValueError(f"{move.path} moves twice: to {moves[move.path].to} and to {move.to}")
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{file.name}, line {rows.line_num + bool(said)}: {error}") from error
    if not moves:
        raise ValueError(f"{file.name} names no photo to move: mark some on the report, and save its list again")
    return list(moves.values())


def write_moves(moves: Iterable[Move], file: Path) -> None:
    """Write a list of moves."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows([move.path, move.label, move.to, move.why] for move in moves)
    replace_file(file, text.getvalue().encode("utf-8", "surrogateescape"))
