"""The file of answers, which a run that was killed at any moment goes on with.

<out>.part        the rows so far, in the order of the files; becomes <out> when all are there
<out>.run.json    what the run is of, how many rows are safely on disk, and in how many bytes; stays beside <out>

Rows are brought to disk first, then counted in <out>.run.json. What a killed run wrote beyond that count, half a row
perhaps, is cut off and made again. A lock on <out>.part keeps a second run away; the kernel frees it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from models.predict.run_record import WHAT_TO_DO, OutputRefused, RunRecord, earlier_record
from models.predict.tasks import Answered
from models.store.durable import sync_folder


class AnswerFile:
    """Takes rows in order.

    Args:
        path: of the answers, once they are complete.
        run: what decides the answers, JSON; a run goes on only where all of it is as before.
        head: what stands above the rows.
        overwrite: replace what another run left.
        publish: makes the file of answers, under the second name, of the rows, under the first.

    Attributes:
        num_rows: that have been appended, by runs before this one too.
        num_errors: among them.
        is_complete: all rows are there, and the file has its name.

    Raises:
        OutputRefused: the file is there and of another run, or another process writes to it.
        OSError: it cannot be written.
    """

    def __init__(
        self,
        path: Path,
        run: Mapping[str, Any],
        *,
        head: str = "",
        overwrite: bool = False,
        publish: Callable[[Path, Path], object] = Path.replace,
    ) -> None:
        self.path, self._run, self._publish = path, dict(run), publish
        self._part, self._record_path = names_beside(path)
        had_part = self._part.exists()
        self._file = open_locked(self._part)
        try:
            record = self._known(had_part=had_part, overwrite=overwrite)
            self.num_rows, self.num_errors, self._num_bytes = record.num_rows, record.num_errors, record.num_bytes
            self.is_complete = record.is_complete
            if not self.is_complete:
                os.ftruncate(self._file, self._num_bytes)
                os.lseek(self._file, 0, os.SEEK_END)
            if not self._num_bytes:
                self._write(head.encode())
                self.checkpoint()
        except BaseException:
            self.close()
            if not had_part:
                self._part.unlink(missing_ok=True)
            raise

    def append(self, answered: Answered) -> None:
        """Write rows; they are safe with the next `checkpoint`."""
        self._write(answered.text)
        self.num_rows += answered.num_rows
        self.num_errors += answered.num_errors

    def checkpoint(self) -> None:
        """Bring the rows to disk and count them."""
        os.fsync(self._file)
        self._count()

    def finish(self) -> None:
        """Give the answers their name. A second call does nothing."""
        if not self.is_complete:
            self.checkpoint()
            self._publish(self._part, self.path)
            sync_folder(self.path.parent)
            self.is_complete = True
        self._count()
        self._part.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Free the lock. A second call does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, text: bytes) -> None:
        rest = memoryview(text)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        self._num_bytes += len(text)

    def _count(self) -> None:
        record = RunRecord(self._run, self.num_rows, self.num_errors, self._num_bytes, self.is_complete)
        record.write(self._record_path)

    def _known(self, *, had_part: bool, overwrite: bool) -> RunRecord:
        try:
            record = earlier_record(self.path, self._record_path, self._run, has_part=had_part)
        except OutputRefused:
            if not overwrite:
                raise
            return RunRecord(self._run)
        if overwrite and record.is_complete:
            return RunRecord(self._run)
        if not record.is_complete and os.fstat(self._file).st_size < record.num_bytes:
            raise OutputRefused(f"{self._part.name} has lost rows since they were written: {WHAT_TO_DO}")
        return record


def names_beside(path: Path) -> tuple[Path, Path]:
    """Return the names of the rows so far, and of the record."""
    return path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.run.json")


def open_locked(path: Path) -> int:
    """Open a file for reading and writing, made if it is not there, which no other process has opened so."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise OutputRefused(f"another run writes {path.name}: wait for it, or give another --out") from None
    return file
