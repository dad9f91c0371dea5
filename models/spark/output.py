"""The folder of answers: Parquet files, and what run they are of.

<out>/part-*.parquet    rows; one file a task, under its name only when it is whole
<out>/_run.json         what the run is of
<out>/_temporary/       files that tasks are writing; of a killed run nobody reads them, and the next run removes them
<out>/_SUCCESS          all rows are there

Spark and other readers of Parquet pass over names with an underscore. Tasks are committed one by one (Hadoop's
committer, algorithm 2), so a killed run keeps what its finished tasks have; which pictures these were, their rows say.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.predict.answer_file import open_locked
from models.predict.run_record import WHAT_TO_DO, OutputRefused, RunRecord
from models.spark.file_system import LOCAL, Folder

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

RECORD, LOCK, SUCCESS = "_run.json", "_run.lock", "_SUCCESS"
WRITE_OPTIONS = {
    "mapreduce.fileoutputcommitter.algorithm.version": "2",
    "mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",  # one job is not all
}


class Output:
    """Takes rows, and knows which are there.

    Args:
        session: Spark's.
        out: the folder.

    Attributes:
        out: as it was given.
        folder: the same.
    """

    def __init__(self, session: SparkSession, out: str) -> None:
        self._session, self.out, self.folder = session, out, Folder(session, out)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep a second run away, where the folder is on a file system of this machine; the kernel frees the lock."""
        if not self.folder.path.startswith(LOCAL):
            yield
            return
        path = Path(self.folder.path.removeprefix(LOCAL))
        path.mkdir(parents=True, exist_ok=True)
        lock = open_locked(path / LOCK)
        try:
            yield
        finally:
            os.close(lock)

    def record(self, *, overwrite: bool) -> RunRecord | None:
        """Read what run its rows are of; None where there are none.

        Raises:
            OutputRefused: what is there is no run's, or the record is broken and not to be written over.
        """
        data = self.folder.read(RECORD)
        if data is None:
            if any(not name.startswith(("_", ".")) for name in self.folder.names()):
                raise OutputRefused(f"{self.out} is there, and not of this command: give another --out")
            return None
        try:
            return RunRecord.decode(data, f"{self.out}/{RECORD}")
        except OutputRefused:
            if not overwrite:
                raise
            return RunRecord({})

    def begin(self, run: Mapping[str, Any], before: RunRecord | None, *, overwrite: bool) -> None:
        """Go on with an earlier run of the same, or begin; raises OutputRefused where another run was there."""
        if before is not None:
            try:
                before.check_goes_on(run, self.out)
                if not (overwrite and self.is_complete):
                    return
            except OutputRefused:
                if not overwrite:
                    raise
        for name in self.folder.names():
            if name != LOCK:
                self.folder.remove(name)
        self.folder.write(RECORD, (json.dumps({"run": dict(run)}, indent=2) + "\n").encode())

    @property
    def is_complete(self) -> bool:
        """Whether all rows are there."""
        return SUCCESS in self.folder.names()

    def rows(self, schema: StructType) -> DataFrame:
        """Return the rows that are there now."""
        return self._session.read.schema(schema).parquet(self.folder.path)

    def num_rows(self, schema: StructType) -> tuple[int, int]:
        """Count rows, and those with an error.

        Raises:
            OutputRefused: a file has two, as another run wrote here too.
        """
        from pyspark.sql import functions

        counts = functions.count("*"), functions.count("error"), functions.count_distinct("file")
        [[num_rows, num_errors, num_files]] = self.rows(schema).select(*counts).collect()
        if num_rows != num_files:
            raise OutputRefused(f"{self.out} has two rows for some files, as another run wrote there too: {WHAT_TO_DO}")
        return num_rows, num_errors

    def append(self, rows: DataFrame) -> None:
        """Write rows, a file a task."""
        rows.write.options(**WRITE_OPTIONS).mode("append").parquet(self.folder.path)

    def finish(self) -> None:
        """Note that all rows are there."""
        self.folder.write(SUCCESS, b"")
