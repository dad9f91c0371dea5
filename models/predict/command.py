"""Runs `python -m models predict`: arguments in, a file of answers and the exit status out."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from models.duration import duration
from models.errors import ModelNotFound, OpsinError, RuntimeMissing, VersionNotFound
from models.pixels.spec import ImageLimits
from models.plural import how_many
from models.predict.answer_file import AnswerFile, names_beside
from models.predict.parquet import publish_parquet, require_pyarrow
from models.predict.pictures import UnusableSource, open_pictures
from models.predict.pool import Pool
from models.predict.progress import Progress
from models.predict.rows import Rows
from models.predict.run_record import OutputRefused, RunRecord
from models.predict.worker import Job
from models.runtime import AUTO, RuntimeName
from models.runtime.cores import available_cores
from models.runtime_choice.choice import choose_runtime
from models.runtime_choice.installed import installed_runtimes
from models.runtime_choice.kept_trials import default_folder
from models.store.artifact import Artifact, read_artifact
from models.store.manifest import MANIFEST_FILE, encode
from models.store.reference import ModelReference
from models.store.repository import Repository

CHECKPOINT_S = 1.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class UnknownModel(OpsinError):
    """What was given names no model."""

    code = "unknown_model"


class CoverageMissing(OpsinError):
    """A coverage is asked for, and the model was published without what it needs."""

    code = "coverage_missing"


def predict(args: argparse.Namespace, repository: Path) -> int:
    """Run the command; returns the exit status, after one line on stderr where it is not 0."""
    status, message = 1, ""
    try:
        return classify(read_model(args.model, repository), args)
    except (ModelNotFound, VersionNotFound) as error:
        status, message = 2, f"{error} (repository {repository})"
    except (UnusableSource, OutputRefused, CoverageMissing, RuntimeMissing, UnknownModel) as error:
        status, message = 2, str(error)
    except OpsinError as error:
        message = str(error)
    except OSError as error:
        message = f"{args.out} cannot be written: {error.strerror or error}; once it can, the same command goes on"
    print(f"python -m models predict: {message}", file=sys.stderr)
    return status


def read_model(model: str, repository: Path) -> Artifact:
    """Read and verify what a user names: a folder, if it is one with a manifest or is written with a slash."""
    folder = Path(model)
    if "/" in model or (folder / MANIFEST_FILE).is_file():
        if not folder.is_dir():
            raise UnknownModel(f"there is no folder {model}")
        return read_artifact(folder)
    if not repository.is_dir():
        raise UnknownModel(f"there is no repository at {repository}: give --repository DIR or set OPSIN_REPOSITORY")
    try:
        reference = ModelReference.parse(model)
    except ValueError as error:
        raise UnknownModel(str(error)) from None
    return Repository(repository).load(reference.name, reference.version)


def classify(artifact: Artifact, args: argparse.Namespace) -> int:
    """Classify what the arguments name; returns the exit status, and raises OpsinError or OSError where it fails."""
    path: Path = args.out
    is_parquet = path.suffix == ".parquet"
    if is_parquet:
        require_pyarrow()
    manifest = artifact.manifest
    if args.coverage is not None and not (manifest.calibration and manifest.calibration.scores):
        raise CoverageMissing(f"model {manifest.reference} was published without the calibration that --coverage needs")
    pictures = open_pictures(args.source, without=[path, *names_beside(path)])
    rows = Rows(manifest, args.top_k, args.coverage, "csv" if path.suffix == ".csv" else "jsonl")
    limits = ImageLimits(args.max_bytes, args.max_pixels, args.max_cpu_s, args.max_memory_bytes)
    job = Job(artifact, runtime_for(artifact, args), pictures, rows, limits)
    publish = partial(publish_parquet, columns=rows.columns) if is_parquet else Path.replace
    file = AnswerFile(path, run_of(job), head=rows.head(), overwrite=args.overwrite, publish=publish)
    with closing(file) as answers:
        stopped_by, begun_s, num_before = 0, time.monotonic(), answers.num_rows
        if answers.num_rows < len(pictures.names):
            stopped_by = answer_missing(job, answers, num_processes=args.processes or available_cores())
        if stopped_by:
            done = f"{answers.num_rows:,} of {how_many(len(pictures.names), 'file')} done"
            print(f"stopped with {done}; the same command goes on from there", file=sys.stderr)
            return 128 + stopped_by
        answers.finish()
    if args.json:
        counts = {"rows": answers.num_rows, "errors": answers.num_errors, "hidden": pictures.num_hidden}
        print(json.dumps({"out": str(path), "model": manifest.name, "version": manifest.version, **counts}))
        return 0
    taken_s = max(1e-3, time.monotonic() - begun_s)
    per_s = (answers.num_rows - num_before) / taken_s
    how = f"in {duration(taken_s)}, {per_s:.0f}/s" if per_s else "all there already"
    hidden = f"; left out: {how_many(pictures.num_hidden, 'hidden file')}" if pictures.num_hidden else ""
    print(f"{path}: {how_many(answers.num_rows, 'row')}, {answers.num_errors:,} with an error ({how}){hidden}")
    return 0


def runtime_for(artifact: Artifact, args: argparse.Namespace) -> RuntimeName:
    """Name the runtime: as asked for, else that of the run to go on with, else the fastest, as the server chooses."""
    if args.runtime != AUTO:
        asked_for: RuntimeName = args.runtime
        return asked_for
    _, record = names_beside(args.out)
    if not args.overwrite:
        with suppress(OutputRefused, OSError):
            before = RunRecord.read(record).run.get("runtime")
            for runtime in installed_runtimes():
                if runtime == before:
                    return runtime
    choice = choose_runtime(artifact, folder=default_folder(os.environ))
    if choice.trials:
        print(f"runs on {choice}", file=sys.stderr)
    return choice.runtime


def answer_missing(job: Job, answers: AnswerFile, *, num_processes: int) -> int:
    """Append the rows that are missing; returns the signal that ended it, or 0."""
    num_pictures = len(job.pictures.names)
    if answers.num_rows:
        print(f"goes on after {answers.num_rows:,} of {how_many(num_pictures, 'file')}", file=sys.stderr)
    progress = Progress(num_pictures, first=answers.num_rows)
    num_processes = min(num_processes, num_pictures - answers.num_rows) or 1
    with signals_noted() as noted, closing(Pool(job, first=answers.num_rows, num_workers=num_processes)) as pool:
        saved_s = time.monotonic()
        for answered in pool.answers():
            answers.append(answered.lines, num_errors=answered.num_errors)
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


def run_of(job: Job) -> dict[str, Any]:
    """Name all that the answers depend on, in words for a message."""
    manifest, rows = job.artifact.manifest, job.rows
    return {
        "model": str(manifest.reference),
        "manifest's sha256": hashlib.sha256(encode(manifest)).hexdigest(),
        "runtime": job.runtime,
        "list of files": f"{len(job.pictures.names)} files, sha256 {job.pictures.sha256}",
        "top_k": rows.top_k,
        "coverage": rows.coverage,
        "set of columns": list(rows.columns),
        "set of limits": {name: getattr(job.limits, name) for name in ImageLimits.__slots__},
    }
