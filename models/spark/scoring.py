"""Runs in the Python workers of Spark's executors: Arrow batches of pictures in, of rows out.

A Python worker runs one task after the other. It keeps one process of `models.predict.pool`, which has read the model
once: a picture that ends that process, by a crash, its time or its memory, is a row, and no failure of a task.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import CorruptArtifact, ImageError, ImageTooLarge
from models.pixels.spec import ImageLimits
from models.predict.parquet import schema_of
from models.predict.pictures import Pictures, UnreadableFile
from models.predict.pool import Pool
from models.predict.rows import Rows
from models.predict.worker import Job
from models.runtime import RuntimeName
from models.spark.handed_over import MAX_PICTURES, HandedOver
from models.store.artifact import read_artifact
from models.store.manifest import encode

if TYPE_CHECKING:
    import pyarrow

Row = dict[str, Any]


@dataclass(frozen=True)
class Scoring:
    """What all tasks do; Spark carries it to the executors.

    Attributes:
        archive: name of the artifact, as `SparkContext.addArchive` knows it.
        manifest_sha256: of the model that it must be.
        runtime: that runs it.
        top_k: labels of a picture.
        coverage: of label sets, if they are asked for.
        limits: of a picture.
        is_shared: executors see the folder of the pictures, and are handed paths.
    """

    archive: str
    manifest_sha256: str
    runtime: RuntimeName
    top_k: int
    coverage: float | None
    limits: ImageLimits
    is_shared: bool

    def answered(self, batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        """Turn batches of `file` and `handed`, a picture or its path, into rows."""
        scorer = scorer_of(self)
        for batch in batches:
            for first in range(0, batch.num_rows, MAX_PICTURES):
                files, handed = batch.slice(first, MAX_PICTURES).columns
                buffers = [memoryview(each.as_buffer()) for each in handed]
                yield scorer.batch(scorer.rows(files.to_pylist(), buffers))

    def refused(self, batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        """Turn batches of `file` and `length`, of what Spark has not read, into rows."""
        scorer, max_bytes = scorer_of(self), self.limits.max_bytes
        unreadable = UnreadableFile("the file cannot be read: Spark could not, and its executors' logs say why")
        too_large = ImageTooLarge(f"the image has more than the {max_bytes:,} bytes that are accepted")
        for batch in batches:
            rows = batch.to_pylist()
            yield scorer.batch(
                [scorer.refused(row["file"], too_large if row["length"] > max_bytes else unreadable) for row in rows]
            )


@cache
def scorer_of(scoring: Scoring) -> Scorer:
    """Return the scorer of this process: the model is read once."""
    from pyspark import SparkFiles

    artifact = read_artifact(Path(SparkFiles.get(scoring.archive)))
    if hashlib.sha256(encode(artifact.manifest)).hexdigest() != scoring.manifest_sha256:
        raise CorruptArtifact("the executor was given another model than the driver has")
    rows = Rows(artifact.manifest, scoring.top_k, scoring.coverage, "jsonl")
    handed_over = HandedOver()
    numbers = [str(number) for number in range(MAX_PICTURES)]
    read_some = handed_over.read_file if scoring.is_shared else handed_over.read_some
    job = Job(artifact, scoring.runtime, Pictures(numbers, "", 0, read_some), rows, scoring.limits)
    return Scorer(Pool(job, num_workers=1), handed_over, rows)


class Scorer:
    """Hands pictures to the process beside this one, and makes rows of what it says."""

    def __init__(self, pool: Pool, handed_over: HandedOver, rows: Rows) -> None:
        self._pool, self._handed_over, self._rows = pool, handed_over, rows
        self._schema = schema_of(rows.columns)

    def rows(self, files: Sequence[str], handed: Sequence[bytes | memoryview]) -> list[Row]:
        """Classify at most MAX_PICTURES; a row each, in their order."""
        self._handed_over.hand_over(handed)
        answers = self._pool.answers(0, len(handed))
        lines = b"".join(answered.text for answered in answers).splitlines()
        # The pool knows pictures by their numbers.
        return [json.loads(line) | {"file": file} for file, line in zip(files, lines, strict=True)]

    def refused(self, file: str, error: ImageError) -> Row:
        """Return the row of a file that has no answer."""
        return dict(zip(self._rows.columns, self._rows.refused(file, error), strict=True))

    def batch(self, rows: Sequence[Row]) -> pyarrow.RecordBatch:
        """Make an Arrow batch of rows."""
        import pyarrow

        return pyarrow.RecordBatch.from_pylist(rows, schema=self._schema)
