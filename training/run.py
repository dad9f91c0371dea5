"""The folder of a run: its settings and its results, with which the same command resumes it."""

from __future__ import annotations

import dataclasses
import json
import uuid
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tf_keras as keras

from models.store.durable import replacing
from models.store.fields import MANIFEST_FILE
from training.config import TrainingConfig
from training.folders import common_folder

METRICS_FILE = "metrics.json"
OF_MAKE = "(of make: WORKDIR=runs/another)"


class RunError(ValueError):
    """A run cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Run:
    """The record of a training run, `run.json`.

    Attributes:
        run_id: tells this run's artifacts from those of any other.
        command: the command that began it, as typed.
        config: its settings.
        data: path of the data set, as given.
        data_name: name of the data set.
        data_sha256: sha256 of the data set, in hex.
        labels: class names.
        parent: "name:version" of the artifact that it started from; None for one trained from random weights.
        ancestry: commands of the runs that led to `parent`, the first one first.
        compression: JSON, the settings of a compression or a teacher; None for a plain training.
        line: JSON, the first model of the line of compressions that this run is of; None for a training.
        left_peak_lrs: highest learning rates that it was begun with, from which it diverged.
        recipe: JSON, what was chosen and why, and how long it was reckoned to take; None where nothing was chosen.
        survey: JSON, what was found in the data set (`training.survey.Survey`); None of a run from before it was kept.
        old: path of the photos that were joined with those of `data`, as given; None for none.
    """

    run_id: str
    command: str
    config: TrainingConfig
    data: str
    data_name: str
    data_sha256: str
    labels: tuple[str, ...]
    parent: str | None = None
    ancestry: tuple[str, ...] = ()
    compression: dict[str, Any] | None = None
    line: dict[str, Any] | None = None
    left_peak_lrs: tuple[float, ...] = ()
    survey: dict[str, Any] | None = None
    recipe: dict[str, Any] | None = None
    old: str | None = None

    @property
    def old_path(self) -> Path | None:
        """Where the photos lie that were joined with the others; None where there are none."""
        return Path(self.old) if self.old else None

    @property
    def photos_folder(self) -> str:
        """The folder that the names of the photos begin in."""
        return str(common_folder(Path(self.data), Path(self.old))) if self.old else self.data

    @property
    def commands(self) -> tuple[str, ...]:
        """All commands that lead from random weights to this run's model, the first one first."""
        return (*self.ancestry, self.command)

    @classmethod
    def new(cls, **values: Any) -> Run:
        """Make a run with an id of its own."""
        return cls(run_id=uuid.uuid4().hex, **values)


def open_run(workdir: Path, wanted: Run) -> Run:
    """Begin `wanted` in `workdir`, or resume the run that is there, from now on with a lower learning rate if wanted.

    Raises:
        RunError: the run there differs in its settings, data or parent.
    """
    if not (workdir / "run.json").exists():
        workdir.mkdir(parents=True, exist_ok=True)
        write_json(workdir / "run.json", dataclasses.asdict(wanted))
        return wanted
    run = read_run(workdir)
    if wanted.config.peak_lr < run.config.peak_lr and not (workdir / "model.keras").exists():
        config = dataclasses.replace(run.config, peak_lr=wanted.config.peak_lr)
        compression = run.compression
        if compression and "peak_lr" in compression:
            compression = {**compression, "peak_lr": (wanted.compression or {}).get("peak_lr")}
        left = (*run.left_peak_lrs, run.config.peak_lr)
        lowered = dataclasses.replace(run, config=config, compression=compression, left_peak_lrs=left)
        _refuse_others(workdir, lowered, wanted)
        write_json(workdir / "run.json", dataclasses.asdict(lowered))
        return lowered
    _refuse_others(workdir, run, wanted)
    return run


def _refuse_others(workdir: Path, run: Run, wanted: Run) -> None:
    before, now = _settings(run), _settings(wanted)
    differing = [
        f"{name} {before.get(name)!r} there, {now.get(name)!r} now"
        for name in before | now
        if before.get(name) != now.get(name)
    ]
    if differing and before.get("data_sha256") != now.get("data_sha256"):
        raise RunError(
            f"{workdir} holds a run of other photos, or some came, changed or went since: use another folder "
            f"{OF_MAKE}, or put them back to go on with it"
        )
    if differing:
        raise RunError(
            f"{workdir} holds a run with other settings ({'; '.join(differing)}): use another folder {OF_MAKE}"
        )


def read_run(workdir: Path) -> Run:
    """Read the run in `workdir`; RunError if there is none, or none that can be read."""
    try:
        values = read_json(workdir / "run.json")
    except FileNotFoundError:
        what = "it has no run.json"
        if (workdir / MANIFEST_FILE).exists():
            what = "it is a version, and the folder of the training that made it is wanted; what was imported has none"
        raise RunError(f"{workdir} holds no training run: {what}") from None
    try:
        config = TrainingConfig.from_dict(values["config"])
        tuples = {name: tuple(values.get(name, ())) for name in ("labels", "ancestry", "left_peak_lrs")}
        return Run(**{**values, "config": config, **tuples})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{workdir / 'run.json'} is no record of a run, or one of another version of this program ({error}): "
            "use the version that wrote it, or another folder"
        ) from error


def save_model(workdir: Path, model: keras.Model) -> None:
    """Save the finished Keras model of a run."""
    with replacing(workdir / "model.keras") as temporary:
        model.save(temporary)


def load_model(workdir: Path) -> keras.Model:
    """Load the finished Keras model of a run; RunError if it is not finished."""
    if not (workdir / "model.keras").exists():
        raise RunError(
            f"{workdir} holds no finished model: run its training command again, it goes on where it stopped"
        )
    try:
        return keras.models.load_model(workdir / "model.keras", compile=False, safe_mode=True)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise RunError(
            f"{workdir / 'model.keras'} is broken ({error}): put back a copy of it, or train in another folder"
        ) from error


def record_publication(workdir: Path, precision: str, **figures: Any) -> None:
    """Record in `metrics.json` what a run has published in one precision, with its figures."""
    write_json(workdir / METRICS_FILE, {**publications(workdir), precision: figures})


def published_in(workdir: Path) -> Path | None:
    """Return the repository that a run, or else the first of its line, has published in; None where none tells."""
    for publication in publications(workdir).values():
        if recorded := publication.get("repository"):
            return Path(recorded)
    first = Path((read_run(workdir).line or {}).get("workdir") or workdir)
    return published_in(first) if first != workdir and (first / "run.json").exists() else None


def published(workdir: Path, precision: str) -> str:
    """Return the "name:version" that a run has published in one precision, else that of its parent.

    Raises:
        RunError: it has published nothing, and has no parent.
    """
    records = publications(workdir)
    reference = records[precision]["published"] if precision in records else read_run(workdir).parent
    if reference is None:
        raise RunError(f"{workdir} has not published yet: run its training command again, it goes on where it stopped")
    return str(reference)


def publications(workdir: Path) -> dict[str, Any]:
    """Read what a run has published, by precision."""
    path = workdir / METRICS_FILE
    records: dict[str, Any] = read_json(path) if path.exists() else {}
    return records


def read_json(path: Path) -> Any:
    """Read a JSON file of a run; RunError, which names it, where it is broken."""
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise RunError(f"{path} is broken ({error}): put back a copy of it, or use another folder") from error


def write_json(path: Path, value: Any) -> None:
    """Write JSON; readers find the old file or the whole new one."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n")


def _settings(run: Run) -> dict[str, Any]:
    others = {name: getattr(run, name) for name in ("data_sha256", "labels", "parent")}
    compression = {f"compression.{name}": value for name, value in (run.compression or {}).items()}
    return {**run.config.to_dict(), **others, **compression}
