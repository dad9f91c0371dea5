"""A run on disk: what it was asked to do and what it left behind, so that the same command can go on."""

from __future__ import annotations

import dataclasses
import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tf_keras as keras

from models.store.durable import replacing
from training.config import TrainingConfig

METRICS_FILE = "metrics.json"


class RunError(ValueError):
    """A run cannot be used as asked; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Run:
    """A training run.

    Attributes:
        run_id: tells this run's artifacts from those of any other.
        command: that began it, as typed.
        config: how it trains.
        data: path of the data set, as given.
        data_name: name of the data set.
        data_sha256: of the data set.
        labels: class names.
        parent: "name:version" of the artifact that it started from; None for one trained from nothing.
        ancestry: commands of the runs that led to `parent`, the first one first.
        compression: JSON, how it is made smaller while it trains; None for a plain training.
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

    @property
    def commands(self) -> tuple[str, ...]:
        """Every training command that it takes to make this run's model from nothing."""
        return (*self.ancestry, self.command)

    @classmethod
    def new(cls, **values: Any) -> Run:
        """A run with an id of its own."""
        return cls(run_id=uuid.uuid4().hex, **values)


def open_run(workdir: Path, wanted: Run) -> Run:
    """Begin `wanted` in `workdir`, or take up the run that is there.

    Raises:
        RunError: the run there differs in its configuration, data or parent.
    """
    if not (workdir / "run.json").exists():
        workdir.mkdir(parents=True, exist_ok=True)
        write_json(workdir / "run.json", dataclasses.asdict(wanted))
        return wanted
    found = read_run(workdir)
    differing = [
        f"{name} {before!r} there, {now!r} now"
        for name, before, now in _differences(_settings(found), _settings(wanted))
    ]
    if differing:
        raise RunError(f"{workdir} holds a run with other settings ({'; '.join(differing)}): use another folder")
    return found


def read_run(workdir: Path) -> Run:
    """The run in `workdir`; RunError if there is none."""
    try:
        values = json.loads((workdir / "run.json").read_text())
    except FileNotFoundError:
        raise RunError(f"{workdir} holds no training run: it has no run.json") from None
    config = TrainingConfig.from_dict(values["config"])
    return Run(**{**values, "config": config, "labels": tuple(values["labels"]), "ancestry": tuple(values["ancestry"])})


def save_model(workdir: Path, model: keras.Model) -> None:
    """Keep the finished Keras model of a run."""
    with replacing(workdir / "model.keras") as temporary:
        model.save(temporary)


def load_model(workdir: Path) -> keras.Model:
    """The finished Keras model of a run; RunError if it has not come so far."""
    if not (workdir / "model.keras").exists():
        raise RunError(
            f"{workdir} holds no finished model: run its training command again, it goes on where it stopped"
        )
    return keras.models.load_model(workdir / "model.keras", compile=False, safe_mode=True)


def record_publication(workdir: Path, precision: str, **figures: Any) -> None:
    """Write into `metrics.json` what was published of a run in one precision, and its figures."""
    write_json(workdir / METRICS_FILE, {**_publications(workdir), precision: figures})


def published(workdir: Path, precision: str) -> str:
    """The "name:version" that a run was published as in one precision, else what the run was made from.

    Raises:
        RunError: it has not come so far.
    """
    publications = _publications(workdir)
    found = publications[precision]["published"] if precision in publications else read_run(workdir).parent
    if found is None:
        raise RunError(f"{workdir} has not published yet: run its training command again, it goes on where it stopped")
    return str(found)


def _publications(workdir: Path) -> dict[str, Any]:
    path = workdir / METRICS_FILE
    publications: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return publications


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that a reader sees the old file or the new one, never a part."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n")


def _settings(run: Run) -> dict[str, Any]:
    others = {name: getattr(run, name) for name in ("data_sha256", "labels", "parent")}
    compression = {f"compression.{name}": value for name, value in (run.compression or {}).items()}
    return {**run.config.to_dict(), **others, **compression}


def _differences(before: dict[str, Any], now: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    names = before | now
    return [(name, before.get(name), now.get(name)) for name in names if before.get(name) != now.get(name)]
