"""Declares the arguments of `python -m models.spark`."""

from __future__ import annotations

import argparse
from pathlib import Path

from models.arguments import Parser
from models.predict.arguments import add_shared_arguments

PROG = "python -m models.spark"

EPILOG = """\
examples:
  python -m models.spark cifar10 photos --out answers
  python -m models.spark cifar10 hdfs:///photos --out hdfs:///answers --master yarn --conf spark.executor.instances=20
  spark-submit --master spark://host:7077 models/spark/__main__.py cifar10 s3a://photos --out s3a://answers

A file that is no picture, or a broken one, is a row with its error. Killed or stopped, the same command goes on.

exit status: 0 all files have a row; 1 Spark or the model failed; 2 wrong arguments; 128 + N ended by signal N
"""


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Parse them; SystemExit 2, after one line on stderr, if they are wrong."""
    parser = Parser(prog=PROG, description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.description = "Classify pictures on Apache Spark, into a folder of Parquet files."
    parser.add_argument("model", metavar="MODEL", help="NAME, NAME:VERSION, or the folder of an artifact (with a /)")
    parser.add_argument(
        "source", metavar="SOURCE", help="a folder, on any file system that Spark reads; * and ? match names"
    )
    parser.add_argument("--out", required=True, metavar="FOLDER", help="of Parquet files, which is made")
    parser.add_argument(
        "--repository", type=Path, metavar="DIR", help="of models (default: $OPSIN_REPOSITORY, repository)"
    )
    parser.add_argument("--master", metavar="URL", help="default: spark-submit's, else all cores of this machine")
    parser.add_argument(
        *("--conf", "-c"), action="append", type=setting, default=[], metavar="NAME=VALUE", help="a setting of Spark's"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object at the end")
    add_shared_arguments(parser)
    return parser.parse_args(argv)


def setting(text: str) -> tuple[str, str]:
    """Read a name and a value."""
    name, equals, value = text.partition("=")
    if not (name.startswith("spark.") and equals):
        raise argparse.ArgumentTypeError(f"must be spark.NAME=VALUE, got {text!r}")
    return name, value
