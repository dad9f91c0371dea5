"""Declares the arguments of `python -m models predict`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from models.pixels.spec import ImageLimits
from models.runtime import AUTO, RUNTIMES

FORMATS = (".csv", ".jsonl", ".parquet")
# As the server's (docs/settings.md): OPSIN_MAX_UPLOAD_BYTES, OPSIN_MAX_IMAGE_PIXELS, OPSIN_MAX_DECODE_BYTES.
LIMITS = ImageLimits(max_bytes=32 * 1024**2)

EPILOG = """\
examples:
  python -m models predict cifar10 photos --out answers.csv
  python -m models predict cifar10:6 photos.zip --out answers.jsonl --top-k 5
  find . -name '*.jpg' | python -m models predict ./artifact - --out answers.csv

A file that is no picture, or a broken one, is a row with its error. Killed or stopped, the same command goes on.

exit status: 0 all files have a row; 1 the disk or the model failed; 2 wrong arguments; 128 + N ended by signal N
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("model", metavar="MODEL", help="NAME, NAME:VERSION, or the folder of an artifact (with a /)")
    parser.add_argument(
        "source", metavar="SOURCE", help="a folder, a zip file, or a text file with a path a line; - for standard input"
    )
    parser.add_argument("--out", type=out_path, required=True, metavar="FILE", help=f"ends with {', '.join(FORMATS)}")
    parser.add_argument("--processes", type=positive, metavar="N", help="default: one for each core")
    add_shared_arguments(parser)


def add_shared_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what decides the answers, on one machine and on many."""
    parser.add_argument("--overwrite", action="store_true", help="replace what another run has left at --out")
    parser.add_argument("--top-k", type=positive, default=1, metavar="K", help="labels of a picture (default: 1)")
    parser.add_argument(
        "--coverage", type=fraction, metavar="P", help="add the set of labels that holds the right one so often: 0.95"
    )
    runtimes = [AUTO, *(name for name in RUNTIMES if name != "tensorflow")]
    servers = os.environ.get("OPSIN_RUNTIME", "").strip().lower()
    parser.add_argument(
        "--runtime",
        choices=runtimes,
        default=servers if servers in runtimes else AUTO,
        help=f"default: $OPSIN_RUNTIME, else {AUTO}: the fastest of those installed that gives the right answers",
    )
    for name, what in (
        ("max_bytes", "of a file"),
        ("max_pixels", "of a picture"),
        ("max_cpu_s", "that decoding one takes, told from its header"),
        ("max_memory_bytes", "that decoding one takes, told from its header"),
    ):
        kind = float if name == "max_cpu_s" else positive
        option, default = f"--{name.replace('_', '-')}", getattr(LIMITS, name)
        parser.add_argument(option, type=kind, default=default, metavar="N", help=f"most {what} (default: {default:,})")


def out_path(text: str) -> Path:
    """Read where the answers go."""
    path = Path(text)
    if path.suffix not in FORMATS:
        raise argparse.ArgumentTypeError(f"must end with one of {', '.join(FORMATS)}, got {text!r}")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path.parent}")
    return path


def positive(text: str) -> int:
    """Read a whole number >= 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number >= 1, got {text!r}")
    return int(text)


def fraction(text: str) -> float:
    """Read a number between 0 and 1."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"must be a number between 0 and 1, got {text!r}")
    return value


def limits_of(args: argparse.Namespace) -> ImageLimits:
    """Read the limits of one picture."""
    return ImageLimits(args.max_bytes, args.max_pixels, args.max_cpu_s, args.max_memory_bytes)
