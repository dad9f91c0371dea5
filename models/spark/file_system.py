"""Files of the driver's, on any file system that Hadoop knows: Spark itself reads and writes by the same classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOCAL = "file:"


class Folder:
    """A folder, which need not be there.

    Args:
        session: knows file systems and who may use them.
        path: a URI, or a path of the default file system.

    Attributes:
        path: the whole URI.
    """

    def __init__(self, session: SparkSession, path: str) -> None:
        self._hadoop: Any = session.sparkContext._jvm.org.apache.hadoop
        there = self._hadoop.fs.Path(path)
        self._files = there.getFileSystem(session.sparkContext._jsc.hadoopConfiguration())
        self.path: str = self._files.makeQualified(there).toString()

    def names(self) -> list[str]:
        """List what is in it; nothing where it is not there."""
        there = self._path("")
        return [each.getPath().getName() for each in self._files.listStatus(there)] if self._files.exists(there) else []

    def read(self, name: str) -> bytes | None:
        """Read a file; None where there is none."""
        if not self._files.exists(self._path(name)):
            return None
        stream = self._files.open(self._path(name))
        try:
            return bytes(self._hadoop.io.IOUtils.readFullyToByteArray(stream))
        finally:
            stream.close()

    def write(self, name: str, data: bytes) -> None:
        """Write a new file; readers find all of it or nothing."""
        temporary = self._path(f"_{name}.tmp")
        stream = self._files.create(temporary, True)
        try:
            stream.write(bytearray(data))
        finally:
            stream.close()
        self._files.rename(temporary, self._path(name))

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all that is in it."""
        self._files.delete(self._path(name), True)

    def _path(self, name: str) -> Any:
        return self._hadoop.fs.Path(f"{self.path}/{name}" if name else self.path)
