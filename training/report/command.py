"""`python -m training report`: write the report of a finished run again."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from training.cli import command_parser, run

PROGRAM = "python -m training report"

EXAMPLES = f"""
examples:
  {PROGRAM} --workdir runs/flowers
      writes runs/flowers/report.html and suggested-moves.csv, as the training did at its end
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    return run(PROGRAM, lambda: _report(options))


def _report(options: argparse.Namespace) -> str:
    # TensorFlow is loaded by these, after the arguments were checked.
    from training.data import load_dataset
    from training.measured import measure_file
    from training.publish import FLOAT32_FILE
    from training.report.report import write_report
    from training.run import RunError, read_run

    record = read_run(options.workdir)
    path = options.data or Path(record.data)
    if not path.exists():
        raise ValueError(f"the photos of the run are not at {path}: say by --data where they are")
    if not (options.workdir / FLOAT32_FILE).exists():
        raise RunError(f"{options.workdir} has no {FLOAT32_FILE}: the run is not finished; its command goes on with it")
    data = load_dataset(path, record.config.held_out, record.config.reading, old=record.old_path)
    if data.sha256 != record.data_sha256:
        raise ValueError(f"{path} is not what the run learned from: photos were added, moved or removed; train again")
    measured = measure_file(options.workdir / FLOAT32_FILE, record, data, precision="float32")
    return f"what went wrong, as pictures: {write_report(options.workdir, record, data, measured)}"


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(PROGRAM, "Write what a run found as one HTML page with pictures.", EXAMPLES)
    parser.add_argument("--workdir", type=Path, required=True, help="folder of a finished run")
    parser.add_argument("--data", type=Path, help="its photos, where they are no longer where they were")
    return parser
