"""Compare models on the same images and the same machine: accuracy, bytes, work, latency, and each class."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from models.checks import at_least
from models.plural import how_many
from models.runtime.cores import available_cores
from models.store.durable import replacing
from models.store.repository import Repository
from optimize.cost.latency import measure_latencies
from optimize.cost.rounds import NUM_ROUNDS
from optimize.cost.tflite_file import read_tflite
from optimize.report.accuracy import measure_all, predict_all
from optimize.report.compared import Compared, check_names, find_baseline, open_artifact, open_file
from optimize.report.data import load_data, notes
from optimize.report.figures import Report
from optimize.report.html import html
from optimize.report.machine import describe_machine
from optimize.report.markdown import markdown
from optimize.report.on_gpu import measure_on_gpu
from optimize.report.plot import latency_plot
from optimize.report.row import Row, relative
from optimize.report.words import about_zeros
from training.dataset import Dataset

logger = logging.getLogger(__name__)


def report(
    models: Sequence[str] = (),
    files: Sequence[tuple[str, Path]] = (),
    *,
    repository: Repository,
    data_path: Path,
    baseline: str | None = None,
    output: Path | None = None,
    num_rounds: int = NUM_ROUNDS,
    test_fraction: float | None = None,
    seed: int | None = None,
    command: str = "",
) -> Report:
    """Measure models side by side, on the full test set and in one interleaved timing, and write the report.

    Args:
        models: "name" or "name:version" in the repository.
        files: name and path of `.tflite` classifiers from elsewhere; see `optimize.report.external`.
        repository: to read from.
        data_path: of a data set with the models' labels; see `training.data.load_dataset`.
        baseline: name of the one that the others are compared with; None for the first.
        output: folder for report.json, report.md, report.html and report.svg; None to write nothing.
        num_rounds: of timing, >= 1.
        test_fraction: of data without a test set of its own; None for that of the first artifact's training.
        seed: of that split; None for that of the first artifact's training.
        command: as typed.

    Raises:
        ValueError: the models, files or labels do not fit together, or the baseline is not among them.
        ArtifactError: an artifact cannot be used.
        OSError: the output cannot be written, which is tried before anything is measured.
    """
    at_least(1, num_rounds=num_rounds)
    if not models and not files:
        raise ValueError("there is nothing to compare: name a model or a file")
    compared = [open_artifact(repository, target) for target in models]
    data = load_data(data_path, compared, test_fraction=test_fraction, seed=seed)
    like = compared[0].pixels if compared else None
    compared += [open_file(name, path, num_classes=len(data.labels), like=like) for name, path in files]
    check_names(compared)
    chosen = find_baseline(compared, models, baseline)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output):  # tells whether it can be written
            pass
    rows = tuple(_rows(compared, chosen, data, num_rounds=num_rounds))
    result = Report(
        rows=rows,
        baseline=chosen.name,
        labels=data.labels,
        data_name=data.name,
        data_sha256=data.sha256,
        machine=describe_machine(),
        num_rounds=num_rounds,
        command=command,
        notes=(*notes(compared, data), *about_zeros(rows)),
    )
    if output is not None:
        _write(result, output)
    return result


def _rows(compared: Sequence[Compared], chosen: Compared, data: Dataset, *, num_rounds: int) -> Iterable[Row]:
    files = {model.name: read_tflite(model.file) for model in compared}
    logger.info("timing %d models in %d rounds", len(compared), num_rounds)
    latencies = measure_latencies({model.name: model.file for model in compared}, num_rounds=num_rounds)
    logger.info(f"measuring their accuracy on {how_many(len(data.test), 'image')}")
    predictions = predict_all(compared, data, num_threads=available_cores())
    measured = measure_all(predictions, data.test.targets, baseline=chosen.name)
    on_gpu = measure_on_gpu(compared, predictions, data)
    to_file, to_latency = files[chosen.name], latencies[chosen.name]
    for model in compared:
        file, latency = files[model.name], latencies[model.name]
        accuracy, changes = measured[model.name]
        yield Row(
            name=model.name,
            precision=model.precision,
            is_external=model.is_external,
            accuracy=accuracy,
            changes=changes,
            file=file,
            latency=latency,
            relative=relative(file, latency, to_file=to_file, to_latency=to_latency),
            on_gpu=on_gpu.get(model.name),
        )


def _write(result: Report, output: Path) -> None:
    texts = {
        "report.json": json.dumps(result.to_dict(), indent=2, ensure_ascii=False) + "\n",
        "report.md": markdown(result),
        "report.html": html(result),
        "report.svg": latency_plot(result, width_px=720) + "\n",
    }
    for name, text in texts.items():
        # Labels are names of folders, which may hold surrogates that UTF-8 cannot encode.
        with replacing(output / name) as temporary:
            temporary.write_text(text, encoding="utf-8", errors="replace")
    logger.info("the report is in %s", output)
