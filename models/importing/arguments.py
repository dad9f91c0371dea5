"""Declares the arguments of `python -m models import`."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import get_args

from models.importing.applications import APPLICATIONS
from models.importing.fit import ALLOWED as FITS
from models.importing.fit import Fitting
from models.importing.pixel_range import ALLOWED as RANGES
from models.importing.pixel_range import CHANNELS, PixelRange
from models.pixels.spec import MAX_TARGET_PX, Resample

EPILOG = """\
examples:
  python -m models import birds birds.tflite --labels birds.txt --range -1..1 --fit crop:0.875
  python -m models import birds birds.tflite --labels birds.txt --try photos
      tries the usual ranges, orders of channels and fits on labelled photos (a folder for each label), imports it with
      the best, fits a temperature, and reports on photos that nothing was chosen by
  python -m models import pets pets.keras --labels pets.txt --try photos --int8
      by TensorFlow, as float32 and as int8; .h5 files and SavedModels alike
  python -m models import mobilenet weights.h5 --application MobileNetV2

The file is read and run first by a process of its own, with limits of time and memory; nothing in it is code to us.
"""
_SIZE = re.compile(r"(\d{1,4})(?:x(\d{1,4}))?")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument(
        "file",
        type=Path,
        nargs="?",
        metavar="FILE",
        help="a .tflite, .onnx, .keras or .h5 file, or the folder of a SavedModel",
    )
    parser.add_argument(
        "--application",
        choices=list(APPLICATIONS),
        metavar="NAME",
        help="FILE has weights of this network of keras.applications, whose range is known: MobileNetV2, ...",
    )
    parser.add_argument(
        "--download", action="store_true", help="with --application: Keras' own weights of ImageNet, in place of FILE"
    )
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="a label a line in the order of the outputs, or JSON (default: those inside a .tflite; of an application "
        "ImageNet's)",
    )
    parser.add_argument(
        "--range",
        type=_range,
        metavar="R",
        help=f"what pixels become: {RANGES} (a file that takes integers takes bytes as it is quantized)",
    )
    parser.add_argument("--channels", choices=CHANNELS, help="order of the channels (default: RGB; caffe has BGR)")
    parser.add_argument("--fit", type=_fit, metavar="F", help=f"how pictures are fitted: {FITS}")
    parser.add_argument("--resample", choices=get_args(Resample), default="bilinear", help="filter (default: bilinear)")
    parser.add_argument("--size", type=_size, metavar="PX|HxW", help="of the input, where the file leaves it open")
    parser.add_argument(
        "--background", action="store_true", help="the first output is of a background that no label names"
    )
    photos = parser.add_mutually_exclusive_group()
    photos.add_argument(
        "--try", type=Path, dest="tried", metavar="PHOTOS", help="labelled photos, to try what is not given on"
    )
    photos.add_argument("--photos", type=Path, metavar="PHOTOS", help="labelled photos, to calibrate and measure on")
    parser.add_argument(
        "--int8",
        action="store_true",
        help="quantize it, too, by the photos: the next version (not of a .tflite or .onnx)",
    )
    parser.add_argument("--why", default="", metavar="TEXT", help="for the history")


def with_ranges_as_values(arguments: list[str]) -> list[str]:
    """Join "--range" and "-1..1", which would be taken for an option."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] == "--range":
            joined[-1] = f"--range={argument}"
        else:
            joined.append(argument)
    return joined


def _range(text: str) -> str:
    try:
        return PixelRange.parse(text).name
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _fit(text: str) -> str:
    try:
        Fitting.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _size(text: str) -> tuple[int, int]:
    found = _SIZE.fullmatch(text)
    height = int(found[1]) if found else 0
    width = int(found[2] or height) if found else 0
    if not (1 <= height <= MAX_TARGET_PX and 1 <= width <= MAX_TARGET_PX):
        raise argparse.ArgumentTypeError(f"must be PX or HEIGHTxWIDTH, of 1 to {MAX_TARGET_PX}, got {text!r}")
    return height, width
