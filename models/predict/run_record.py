"""The record beside a file of answers: what the run is of, and how many of its rows are safely on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from models.errors import OpsinError
from models.store.durable import replacing, write_file

WHAT_TO_DO = "give --overwrite to start anew, or another --out"


class OutputRefused(OpsinError):
    """The file of answers is another run's, or cannot be gone on with."""

    code = "output_refused"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What is known of a run.

    Attributes:
        run: what decides the answers, JSON.
        num_rows: that are on disk.
        num_errors: among them.
        num_bytes: that they take, with what stands above them.
        is_complete: all rows are there, in a file that has its name.
    """

    run: Mapping[str, Any]
    num_rows: int = 0
    num_errors: int = 0
    num_bytes: int = 0
    is_complete: bool = False

    def write(self, path: Path) -> None:
        """Write it to disk; readers find the old one or this."""
        with replacing(path) as temporary:
            write_file(temporary, [(json.dumps(asdict(self), indent=2) + "\n").encode()])

    @classmethod
    def read(cls, path: Path) -> RunRecord:
        """Read what `write` wrote; raises OutputRefused for anything else, FileNotFoundError for nothing."""
        try:
            record = cls(**json.loads(path.read_bytes()))
            dict(record.run)
        except (ValueError, TypeError):
            raise OutputRefused(f"{path.name} is broken: {WHAT_TO_DO}") from None
        return record


def earlier_record(out: Path, record: Path, run: Mapping[str, Any], *, has_part: bool) -> RunRecord:
    """Return the record of an earlier run of the same, or an empty one.

    Args:
        out: the file of answers, once complete.
        record: where the record is.
        run: what decides the answers.
        has_part: the rows so far are there, in a file that has not got its name yet.

    Raises:
        OutputRefused: another run has left something there; the message says what differs, and what to do.
    """
    try:
        before = RunRecord.read(record)
    except FileNotFoundError:
        if out.exists():
            raise OutputRefused(f"{out.name} is there, and not of this command: {WHAT_TO_DO}") from None
        return RunRecord(run)
    changed = next((key for key in {**before.run, **run} if before.run.get(key) != run.get(key)), None)
    if changed is not None:
        was, now = (json.dumps(each.get(changed)) for each in (before.run, run))
        raise OutputRefused(
            f"{out.name} belongs to a run of another {changed}, {was} where it is {now} now: {WHAT_TO_DO}"
        )
    has_name = out.exists() and not has_part and out.stat().st_size == before.num_bytes
    if before.is_complete or has_name:  # the second: killed before that was recorded
        return replace(before, is_complete=True) if out.exists() else RunRecord(run)
    return before if has_part else RunRecord(run)
