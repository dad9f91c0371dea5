"""The pictures to classify, as Spark lists and reads them (`binaryFile`), and those that it leaves out."""

from __future__ import annotations

import os
import re
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


@dataclass(frozen=True)
class Listing:
    """What Spark found below a root, and what is wanted of it.

    Attributes:
        files: `file` (below the root), `length`, `content`, `path`, and `file_path`, by which Spark leaves files out.
        wanted: `file`, `length` and `path`; the last two may be null. A row of answers is due for each.
        described: what a run says of them: the same words, the same files.
        num_hidden: files left out, as systems put them beside photos.
        is_shared: this machine, and so any executor, sees the folder.
    """

    files: DataFrame
    wanted: DataFrame
    described: str
    num_hidden: int
    is_shared: bool

    def handed(self, answered: DataFrame | None, max_bytes: int) -> DataFrame:
        """Return `file` and `handed`, what Python workers are handed, of those that are wanted and not answered.

        That is a path where executors see the folder: the JVM takes half as long to read and pass on a picture as a
        small network to run. Elsewhere it is the picture, where it is not too large to be read.
        """
        todo = self.wanted if answered is None else self.left_over(answered)
        left_out = self.files.join(todo, "file", "left_anti").select("file_path")
        files = self.files if self.is_shared else self.files.where(self.files["length"] <= max_bytes)
        handed = files["path"] if self.is_shared else files["content"]
        return files.where(~_is_one_of(files["file_path"], left_out)).select("file", handed.alias("handed"))

    def left_over(self, answered: DataFrame) -> DataFrame:
        """Return what is wanted and not answered."""
        return self.wanted.join(answered, "file", "left_anti").select("file", "length", "path")


def list_pictures(session: SparkSession, source: str) -> Listing:
    """List a folder with all folders in it, or what a pattern matches.

    Spark knows nothing of files that are empty, that begin with `_`, or whose names are no text. Where this machine
    sees the folder too, they are found here.

    Raises:
        UnusableSource: it is not there, or holds no file.
    """
    from pyspark.errors import AnalysisException
    from pyspark.sql import functions

    root = Folder(session, source).path
    folder = Path(root.removeprefix(LOCAL)) if root.startswith(LOCAL) else None
    is_here = folder is not None and folder.is_dir()
    reader = session.read.format("binaryFile").option("recursiveFileLookup", True)
    for ignored in ("ignoreMissingFiles", "ignoreCorruptFiles"):  # they are left over, and are rows with their error
        reader = reader.option(ignored, True)
    try:
        loaded = reader.load(re.sub(r"[][*?{}\\]", r"\\\g<0>", root) if is_here else root)
    except AnalysisException as error:
        raise UnusableSource(f"{source} cannot be read: {str(error).splitlines()[0]}") from None
    path = functions.col("path")
    below = functions.when(
        path.startswith(f"{root}/"), path.substr(functions.lit(len(root) + 2), functions.length(path))
    )
    files = loaded.select(
        *(functions.coalesce(below, path).alias("file"), "length", "content", "modificationTime"),
        path.substr(functions.lit(len(LOCAL) + 1), functions.length(path)).cast("binary").alias("path"),
        functions.col("_metadata.file_path").alias("file_path"),
    )
    if folder is not None and is_here:
        pictures = folder_pictures(folder, [])
        rows = [(shown_name(name), None, os.fsencode(f"{folder}/{name}")) for name in pictures.names]
        wanted = session.createDataFrame(table_of(rows))
        described, num_files, num_hidden = pictures.described, len(rows), pictures.num_hidden
    else:
        wanted = files.select("file", "length").mapInArrow(visible, "file string, length long, path binary")
        stamp = functions.bit_xor(functions.xxhash64("file", "length", "modificationTime"))
        num_all, hashed = files.agg(functions.count("*"), stamp).collect()[0]
        num_files = wanted.count()
        described, num_hidden = f"{num_files} files, xxhash64 {hashed}", num_all - num_files
    if not num_files:
        raise UnusableSource(f"{source} holds no file to classify")
    return Listing(files, wanted, described, num_hidden, is_here)


def visible(batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
    """Keep what no system puts beside photos, of batches of `file` and `length`; runs in Python workers."""
    for batch in batches:
        rows = [(row["file"], row["length"], None) for row in batch.to_pylist() if not is_hidden(row["file"])]
        yield from table_of(rows).to_batches()


def table_of(rows: Sequence[tuple[str, int | None, bytes | None]]) -> pyarrow.Table:
    """Make an Arrow table of what is wanted."""
    import pyarrow

    kinds = {"file": pyarrow.string(), "length": pyarrow.int64(), "path": pyarrow.binary()}
    columns = zip(*rows, strict=True) if rows else ((), (), ())
    arrays = [pyarrow.array(values, kind) for values, kind in zip(columns, kinds.values(), strict=True)]
    return pyarrow.table(arrays, list(kinds))


def _is_one_of(column: Column, names: DataFrame) -> Column:
    """Compare with names that never leave the JVM: through Python a million would take minutes."""
    encoders: Any = names.sparkSession.sparkContext._jvm.org.apache.spark.sql.Encoders
    listed = getattr(names._jdf, "as")(encoders.STRING()).collectAsList()
    return type(column)(column._jc.isInCollection(listed))
