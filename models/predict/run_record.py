"""The record beside a file of answers: what the run is of, and how many of its rows are safely on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from models.errors import OpsinError
from models.pixels.spec import ImageLimits
from models.predict.rows import Rows
from models.runtime import RuntimeName
from models.store.durable import replacing, write_file
from models.store.manifest import encode

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

    def encode(self) -> bytes:
        """Write it as JSON."""
        return (json.dumps(asdict(self), indent=2) + "\n").encode()

    @classmethod
    def decode(cls, data: bytes, name: str) -> RunRecord:
        """Read what `encode` wrote; raises OutputRefused for anything else, with the name of the file."""
        try:
            record = cls(**json.loads(data))
            dict(record.run)
        except (ValueError, TypeError):
            raise OutputRefused(f"{name} is broken: {WHAT_TO_DO}") from None
        return record

    def write(self, path: Path) -> None:
        """Write it to disk; readers find the old one or this."""
        with replacing(path) as temporary:
            write_file(temporary, [self.encode()])

    @classmethod
    def read(cls, path: Path) -> RunRecord:
        """Read what `write` wrote; raises OutputRefused for anything else, FileNotFoundError for nothing."""
        return cls.decode(path.read_bytes(), path.name)

    def check_goes_on(self, run: Mapping[str, Any], out: str) -> None:
        """Raise OutputRefused where another run wants to go on; the message says what differs, and what to do."""
        changed = next((key for key in {**self.run, **run} if self.run.get(key) != run.get(key)), None)
        if changed is not None:
            was, now = (json.dumps(each.get(changed)) for each in (self.run, run))
            raise OutputRefused(
                f"{out} belongs to a run of another {changed}, {was} where it is {now} now: {WHAT_TO_DO}"
            )


def run_of(rows: Rows, runtime: RuntimeName, limits: ImageLimits, *, files: str) -> dict[str, Any]:
    """Name all that the answers depend on, in words for a message; `files` says of which pictures they are."""
    return {
        "model": str(rows.manifest.reference),
        "manifest's sha256": hashlib.sha256(encode(rows.manifest)).hexdigest(),
        "runtime": runtime,
        "list of files": files,
        "top_k": rows.top_k,
        "coverage": rows.coverage,
        "set of columns": list(rows.columns),
        "set of limits": {name: getattr(limits, name) for name in ImageLimits.__slots__},
    }


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
    before.check_goes_on(run, out.name)
    has_name = out.exists() and not has_part and out.stat().st_size == before.num_bytes
    if before.is_complete or has_name:  # the second: killed before that was recorded
        return replace(before, is_complete=True) if out.exists() else RunRecord(run)
    return before if has_part else RunRecord(run)
