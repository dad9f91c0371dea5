"""Runs `python -m models predict`: arguments in, a file of answers and the exit status out."""

from __future__ import annotations

import argparse
import gc
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from types import FrameType

from models.plural import how_many
from models.predict.answer_file import AnswerFile, names_beside
from models.predict.arguments import limits_of
from models.predict.exit_status import exit_status
from models.predict.model import read_model, runtime_for
from models.predict.parquet import publish_parquet, require_pyarrow
from models.predict.pictures import open_pictures
from models.predict.pool import Pool
from models.predict.progress import Progress
from models.predict.rows import Rows
from models.predict.run_record import OutputRefused, RunRecord, run_of
from models.predict.summary import Summary
from models.predict.worker import Job
from models.runtime.cores import available_cores
from models.store.artifact import Artifact

CHECKPOINT_S = 1.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def predict(args: argparse.Namespace, repository: Path) -> int:
    """Run the command; returns the exit status, after one line on stderr where it is not 0."""

    def run() -> int:
        return classify(read_model(args.model, repository, coverage=args.coverage), args)

    return exit_status(run, program="python -m models predict", repository=repository, out=args.out)


def classify(artifact: Artifact, args: argparse.Namespace) -> int:
    """Classify what the arguments name; returns the exit status, and raises OpsinError or OSError where it fails."""
    path: Path = args.out
    is_parquet = path.suffix == ".parquet"
    if is_parquet:
        require_pyarrow()
    pictures = open_pictures(args.source, without=[path, *names_beside(path)])
    rows = Rows(artifact.manifest, args.top_k, args.coverage, "csv" if path.suffix == ".csv" else "jsonl")
    runtime = runtime_for(artifact, args.runtime, before=runtime_before(args))
    job = Job(artifact, runtime, pictures, rows, limits_of(args))
    run = run_of(rows, runtime, job.limits, files=pictures.described)
    publish = partial(publish_parquet, columns=rows.columns) if is_parquet else Path.replace
    file = AnswerFile(path, run, head=rows.head(), overwrite=args.overwrite, publish=publish)
    with closing(file) as answers:
        stopped_by, summary = 0, Summary(str(path), artifact.manifest, answers.num_rows)
        if answers.num_rows < len(pictures.names):
            stopped_by = answer_missing(job, answers, num_processes=args.processes or available_cores())
        if stopped_by:
            done = f"{answers.num_rows:,} of {how_many(len(pictures.names), 'file')} done"
            print(f"stopped with {done}; the same command goes on from there", file=sys.stderr)
            return 128 + stopped_by
        answers.finish()
    print(summary.write(answers.num_rows, answers.num_errors, pictures.num_hidden, as_json=args.json))
    return 0


def runtime_before(args: argparse.Namespace) -> object:
    """Return the runtime of the run that this one goes on with; None where there is none."""
    if not args.overwrite:
        with suppress(OutputRefused, OSError):
            return RunRecord.read(names_beside(args.out)[1]).run.get("runtime")
    return None


def answer_missing(job: Job, answers: AnswerFile, *, num_processes: int) -> int:
    """Append the rows that are missing; returns the signal that ended it, or 0."""
    num_pictures = len(job.pictures.names)
    if answers.num_rows:
        print(f"goes on after {answers.num_rows:,} of {how_many(num_pictures, 'file')}", file=sys.stderr)
    progress = Progress(num_pictures, first=answers.num_rows)
    num_processes = min(num_processes, num_pictures - answers.num_rows) or 1
    gc.freeze()  # what is here now stays; looking through it again and again takes time, and copies the workers' pages
    with signals_noted() as noted, closing(Pool(job, num_workers=num_processes)) as pool:
        saved_s = time.monotonic()
        for answered in pool.answers(answers.num_rows, num_pictures):
            answers.append(answered)
            progress.show(answers.num_rows, answers.num_errors)
            if noted:
                break
            if time.monotonic() - saved_s > CHECKPOINT_S:
                answers.checkpoint()
                saved_s = time.monotonic()
        progress.end()
        answers.checkpoint()
    return noted[0] if noted else 0


@contextmanager
def signals_noted() -> Iterator[list[int]]:
    """Note signals that ask the process to end, instead of ending in the middle of a row."""
    noted: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        noted.append(number)

    handled = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, note) for number in handled}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
