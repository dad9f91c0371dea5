"""Runs `python -m models.spark`: arguments in, a folder of Parquet files and the exit status out."""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from models.cli import repository_root
from models.errors import OpsinError
from models.plural import how_many
from models.predict.arguments import limits_of
from models.predict.exit_status import exit_status
from models.predict.model import read_model, runtime_for
from models.predict.parquet import schema_of
from models.predict.rows import Rows
from models.predict.run_record import OutputRefused, run_of
from models.predict.summary import Summary
from models.spark.arguments import PROG, parse
from models.spark.file_system import Folder
from models.spark.listing import Listing, list_pictures
from models.spark.output import Output
from models.spark.scoring import Scoring
from models.spark.session import archive_name, require_pyspark, spark_session
from models.store.artifact import Artifact
from models.store.manifest import encode

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

_NO_START = "JAVA_GATEWAY_EXITED"
_OUR_ERROR = re.compile(r"^models\.[\w.]+: (.+)$", re.MULTILINE)


class SparkFailed(OpsinError):
    """A job has failed, after as many tries as Spark is told to make."""

    code = "spark_failed"


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    args = parse(argv)
    repository = repository_root(args.repository, is_written=False)

    def run() -> int:
        artifact = read_model(args.model, repository, coverage=args.coverage)
        require_pyspark()
        with told_in_a_line(), spark_session(artifact, master=args.master, settings=args.conf) as session:
            return classify(session, artifact, args)

    try:
        return exit_status(run, program=PROG, repository=repository, out=args.out)
    except KeyboardInterrupt:
        print("stopped; the same command goes on from there", file=sys.stderr)
        return 130


def classify(session: SparkSession, artifact: Artifact, args: argparse.Namespace) -> int:
    """Classify what the arguments name; returns the exit status."""
    from pyspark.sql.pandas.types import from_arrow_schema

    output = Output(session, args.out)
    refuse_overlap(Folder(session, args.source).path, output)
    with output.alone():
        before = output.record(overwrite=args.overwrite)
        runtime = runtime_for(artifact, args.runtime, before=before and before.run.get("runtime"))
        rows, limits = Rows(artifact.manifest, args.top_k, args.coverage, "jsonl"), limits_of(args)
        listing = list_pictures(session, args.source)
        output.begin(run_of(rows, runtime, limits, files=listing.described), before, overwrite=args.overwrite)
        sha256 = hashlib.sha256(encode(artifact.manifest)).hexdigest()
        scoring = Scoring(
            *(archive_name(artifact), sha256, runtime, args.top_k, args.coverage, limits), is_shared=listing.is_shared
        )
        schema = from_arrow_schema(schema_of(rows.columns))
        summary = Summary(args.out, artifact.manifest, output.rows(schema).count() if before else 0)
        if not output.is_complete:
            if summary.num_before:
                print(f"goes on after {how_many(summary.num_before, 'row')}", file=sys.stderr)
            answer_missing(listing, output, scoring, schema, is_new=not summary.num_before)
        num_rows, num_errors = output.num_rows(schema)
    print(summary.write(num_rows, num_errors, listing.num_hidden, as_json=args.json))
    return 0


def answer_missing(listing: Listing, output: Output, scoring: Scoring, schema: StructType, *, is_new: bool) -> None:
    """Append the rows that are missing: of what is read, then of what Spark could not."""
    answered = None if is_new else output.rows(schema).select("file")
    output.append(listing.handed(answered, scoring.limits.max_bytes).mapInArrow(scoring.answered, schema))
    if not listing.is_shared:
        left_over = listing.left_over(output.rows(schema).select("file")).select("file", "length")
        output.append(left_over.mapInArrow(scoring.refused, schema))
    output.finish()


def refuse_overlap(source: str, output: Output) -> None:
    """Raise OutputRefused where answers would be taken for pictures."""
    if f"{output.folder.path}/".startswith(f"{source}/"):
        raise OutputRefused(f"{output.out} lies among the pictures: give another --out")


@contextmanager
def told_in_a_line() -> Iterator[None]:
    """Turn what Spark raises, of many lines, into SparkFailed; what ours raised in an executor is said as it was."""
    from py4j.protocol import Py4JError, Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        yield
    except (Py4JError, PySparkException) as error:
        text = str(error.java_exception if isinstance(error, Py4JJavaError) else error)
        ours = _OUR_ERROR.findall(text)
        if not ours and _NO_START in text:
            raise SparkFailed(
                "Spark did not start; what it says above tells why: look at --master and --conf"
            ) from None
        raise SparkFailed(ours[-1] if ours else text.partition("\n")[0]) from None
