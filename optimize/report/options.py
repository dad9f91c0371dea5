"""Define the options of `python -m optimize report`."""

from __future__ import annotations

import argparse
from pathlib import Path

from optimize.cost.rounds import NUM_ROUNDS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `optimize.report.report`, each under the name of its argument there."""
    parser.add_argument(
        "models",
        nargs="*",
        metavar="NAME[:VERSION]",
        help="artifacts of the repository (VERSION: the stable one)",
    )
    parser.add_argument(
        "--file",
        dest="files",
        action="append",
        default=[],
        type=named_file,
        metavar="NAME=PATH",
        help="a .tflite classifier from elsewhere that takes raw pixels, 0..255, as uint8, int8 or float32; may be "
        "given several times",
    )
    parser.add_argument(
        "--data",
        dest="data_path",
        type=Path,
        required=True,
        metavar="PATH",
        help="the test images: an .npz file, or a folder or zip file of class folders; its labels must be the models'",
    )
    parser.add_argument(
        "--repository", type=Path, default=Path("repository"), metavar="DIR", help="folder of the models (repository/)"
    )
    parser.add_argument("--baseline", metavar="NAME", help="what the others are compared with (the first)")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("report"),
        metavar="DIR",
        help="folder for report.json, report.md, report.html and report.svg, the plot alone (report/)",
    )
    parser.add_argument(
        "--rounds",
        dest="num_rounds",
        type=int,
        default=NUM_ROUNDS,
        metavar="N",
        help=f"of timing, half a second for each model ({NUM_ROUNDS})",
    )
    parser.add_argument(
        "--test-fraction",
        type=float,
        metavar="FRACTION",
        help="held out of data without a test set of its own (as when the first artifact was trained)",
    )
    parser.add_argument("--seed", type=int, help="of that split (as when the first artifact was trained)")


def named_file(text: str) -> tuple[str, Path]:
    """Split NAME=PATH."""
    name, separator, path = text.partition("=")
    if not separator or not name.strip() or not path:
        raise argparse.ArgumentTypeError(f"expected NAME=PATH, got {text!r}")
    return name.strip(), Path(path)
