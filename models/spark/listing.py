"""The pictures to classify, as Spark lists and reads them (`binaryFile`), and those that it leaves out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.files.hidden import is_hidden
from models.predict.pictures import UnusableSource, folder_pictures, shown_name
from models.spark.file_system import LOCAL, Folder

if TYPE_CHECKING:
    import pyarrow
    from pyspark.sql import Column, DataFrame, SparkSession

TASK_PICTURES = 2048  # a kill costs what the tasks in hand have done, one a core
TASKS_A_CORE = 4  # at least, so that none is idle at the end for long
LEAST_TASK_PICTURES = 64  # a task takes the JVM as long as some pictures the model


@dataclass(frozen=True)
class Listing:
    """The pictures to classify.

    Attributes:
        wanted: `file` (below the root), `length` and `path`, of which one is null. A row of answers is due for each.
        described: what a run says of them: the same words, the same files.
        num_files: that are wanted.
        num_hidden: files left out, as systems put them beside photos.
        files: `file`, `length`, `content`, and `file_path`, by which Spark leaves files out before it reads them; None
            where this machine, and so any executor, sees the folder.
    """

    wanted: DataFrame
    described: str
    num_files: int
    num_hidden: int
    files: DataFrame | None

    @property
    def is_shared(self) -> bool:
        """Whether executors see the folder."""
        return self.files is None

    def handed(self, answered: DataFrame | None, max_bytes: int) -> DataFrame:
        """Return `file` and `handed`, what Python workers are handed, of those that are wanted and not answered.

        That is a path where executors see the folder: to read and pass on a picture takes the JVM half as long as a
        small network to run. Elsewhere it is the picture, where it is not too large to be read.
        """
        todo = self.wanted if answered is None else self.left_over(answered)
        if self.files is None:
            if answered is not None:  # they have come together by their hashes; else they are in tasks already
                todo = todo.repartition(self.wanted.rdd.getNumPartitions())
            return todo.select("file", todo["path"].alias("handed"))  # the parser of SQL takes the JVM a while to load
        left_out = self.files.join(todo, "file", "left_anti").select("file_path")
        files = self.files.where(self.files["length"] <= max_bytes)
        return files.where(~_is_one_of(files["file_path"], left_out)).select("file", files["content"].alias("handed"))

    def left_over(self, answered: DataFrame) -> DataFrame:
        """Return what is wanted and not answered."""
        return self.wanted.join(answered, "file", "left_anti").select("file", "length", "path")


def list_pictures(session: SparkSession, source: str) -> Listing:
    """List a folder with all folders in it, or what a pattern matches; raises UnusableSource where that is no file."""
    root = Folder(session, source).path
    here = Path(root.removeprefix(LOCAL))
    listing = list_here(session, here) if root.startswith(LOCAL) and here.is_dir() else list_far(session, root)
    if not listing.num_files:
        raise UnusableSource(f"{source} holds no file to classify")
    return listing


def list_here(session: SparkSession, folder: Path) -> Listing:
    """List a folder that this machine sees, as `models predict` does."""
    pictures = folder_pictures(folder, [])
    rows = [(shown_name(name), None, os.fsencode(f"{folder}/{name}")) for name in pictures.names]
    num_tasks = max(1, TASKS_A_CORE * session.sparkContext.defaultParallelism)
    step = min(TASK_PICTURES, max(LEAST_TASK_PICTURES, -(-len(rows) // num_tasks)))
    wanted = session.createDataFrame(table_of(rows, step))
    return Listing(wanted, pictures.described, len(rows), pictures.num_hidden, None)


def list_far(session: SparkSession, root: str) -> Listing:
    """List what Spark does, which passes over files that are empty or whose names begin with `_`."""
    from pyspark.errors import AnalysisException
    from pyspark.sql import functions

    reader = session.read.format("binaryFile").option("recursiveFileLookup", True)
    for ignored in ("ignoreMissingFiles", "ignoreCorruptFiles"):  # they are left over, and are rows with their error
        reader = reader.option(ignored, True)
    try:
        loaded = reader.load(root)
    except AnalysisException as error:
        raise UnusableSource(f"{root} cannot be read: {str(error).splitlines()[0]}") from None
    path = functions.col("path")
    name = path.substr(functions.lit(len(root) + 2), functions.length(path))
    below = functions.coalesce(functions.when(path.startswith(f"{root}/"), name), path).alias("file")
    file_path = functions.col("_metadata.file_path").alias("file_path")
    files = loaded.select(below, "length", "content", "modificationTime", file_path)
    wanted = files.select("file", "length").mapInArrow(visible, "file string, length long, path binary")
    stamp = functions.bit_xor(functions.xxhash64("file", "length", "modificationTime"))
    [[num_all, hashed]] = files.select(functions.count("*"), stamp).collect()
    num_files = wanted.count()
    return Listing(wanted, f"{num_files} files, xxhash64 {hashed}", num_files, num_all - num_files, files)


def visible(batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
    """Keep what no system puts beside photos, of batches of `file` and `length`; runs in Python workers."""
    for batch in batches:
        rows = [(row["file"], row["length"], None) for row in batch.to_pylist() if not is_hidden(row["file"])]
        yield from table_of(rows, len(rows) or 1).to_batches()


def table_of(rows: Sequence[tuple[str, int | None, bytes | None]], step: int) -> pyarrow.Table:
    """Make an Arrow table of what is wanted, so many rows a batch."""
    import pyarrow

    kinds = {"file": pyarrow.string(), "length": pyarrow.int64(), "path": pyarrow.binary()}
    columns = zip(*rows, strict=True) if rows else ((), (), ())
    arrays = [pyarrow.array(values, kind) for values, kind in zip(columns, kinds.values(), strict=True)]
    batches = pyarrow.table(arrays, list(kinds)).to_batches(max_chunksize=step)
    return pyarrow.Table.from_batches(batches, pyarrow.schema(list(kinds.items())))


def _is_one_of(column: Column, names: DataFrame) -> Column:
    """Compare with names that never leave the JVM: through Python a million would take minutes."""
    encoders: Any = names.sparkSession.sparkContext._jvm.org.apache.spark.sql.Encoders
    listed = getattr(names._jdf, "as")(encoders.STRING()).collectAsList()
    return type(column)(column._jc.isInCollection(listed))
