"""The finished run that a compression starts from: its record, data, model and what it published."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tf_keras as keras

from models.network.resnet_v2 import ResNetV2
from models.store.reference import ModelReference
from optimize.fine_tuning import OWN
from optimize.settings import QuantizationAwareTraining
from training.architecture import architecture_of, as_built, rebuilt
from training.config import TrainingConfig, parse_assignment, replaced
from training.data import load_dataset
from training.dataset import Dataset
from training.distillation import Distillation, Hint
from training.publish import FLOAT32_FILE, MeasuredFile, measure_file
from training.run import Run, RunError, load_model, open_run, published, read_run

# Settings of the network, its pixels and its data.
FIXED = {"variant", "width", "norm", "image_px", "crop_fraction", "test_fraction", "seed"}


@dataclass(frozen=True, slots=True)
class Source:
    """A finished run.

    Attributes:
        run: its record.
        data: the same data that it was trained on.
        model: float32 Keras model, from normalized pixels to logits.
        architecture: of the model.
        dense: its exported float32 file, measured again here so that before and after come from one machine.
        published: "name:version" of its artifact.
    """

    run: Run
    data: Dataset
    model: keras.Model
    architecture: ResNetV2
    dense: MeasuredFile
    published: str

    @property
    def name(self) -> str:
        """The name that it was published under."""
        return ModelReference.parse(self.published).name

    def distillation(
        self, weight: float, temperature: float, *, hints: Iterable[Hint] = (), hint_weight: float = 0.0
    ) -> Distillation:
        """Its model as a teacher, computing in the precision that networks are built in now; see `Distillation`."""
        return Distillation(rebuilt(self.architecture, self.model), weight, temperature, tuple(hints), hint_weight)

    def require_batch_norm(self, option: str) -> None:
        """Raise ValueError, which names the option, where the network has other normalizations."""
        if self.architecture.norm != "batch":
            raise ValueError(f"{option} needs a network with norm=batch; this one has norm={self.architecture.norm}")

    def with_settings(self, assignments: Iterable[str], own: Collection[str] = OWN) -> Source:
        """The same run, with settings of its training changed for what trains on from it.

        Args:
            assignments: such as "augmentation.cutout_px=8"; see `training.config.parse_assignment`.
            own: settings that what trains on has its own of.

        Raises:
            ValueError: no such setting, or one that the network is made by, or one of `own`.
        """
        changes = dict(map(parse_assignment, assignments))
        if fixed := changes.keys() & FIXED:
            raise ValueError(f"{', '.join(sorted(fixed))} cannot be changed: the trained network is made for it")
        if owned := changes.keys() & own:
            raise ValueError(f"{', '.join(sorted(owned))} cannot be set: a fine-tuning has its own; see --help")
        return replace(self, run=replace(self.run, config=replaced(self.run.config, changes)))

    def begin_run(self, output: Path, config: TrainingConfig, *, compression: dict[str, Any], command: str) -> Run:
        """Begin a run that makes this model smaller while it trains on, or take up the one in `output`.

        Raises:
            RunError: `output` holds another run.
        """
        wanted = Run.new(
            command=command,
            config=config,
            data=self.run.data,
            data_name=self.data.name,
            data_sha256=self.data.sha256,
            labels=self.run.labels,
            parent=self.published,
            ancestry=self.run.commands,
            compression=compression,
        )
        return open_run(output, wanted)


def open_source(workdir: Path, data_path: Path | None) -> Source:
    """Take up a finished run.

    Args:
        workdir: the run's folder.
        data_path: of its data, where that has moved since.

    Raises:
        RunError: the run is not there, not finished, or kept no Keras model, or the data is not what it was trained on.
        DatasetError: the data cannot be used.
    """
    run = read_run(workdir)
    if run.compression and run.compression["method"] == QuantizationAwareTraining.METHOD:
        raise RunError(f"{workdir} was trained as an int8 file and has no other: start from the run of {run.parent}")
    model = load_model(workdir)
    data = load_dataset(data_path or Path(run.data), test_fraction=run.config.test_fraction, seed=run.config.seed)
    if data.sha256 != run.data_sha256:
        raise RunError(f"{data.name} is not the data that {workdir} was trained on: its sha256 differs")
    dense = measure_file(workdir / FLOAT32_FILE, run, data, precision="float32")
    architecture = as_built(architecture_of(run.config, num_classes=len(run.labels)), model)
    return Source(run, data, model, architecture, dense, published=published(workdir, "float32"))
