"""Opens the finished run that a compression starts from: its record, data, model and published version."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import tf_keras as keras

from models.network.architectures import Architecture
from models.network.resnet_v2 import ResNetV2
from models.plural import how_many
from models.store.reference import ModelReference
from models.store.repository import Repository
from optimize.settings import SET_BY_FINE_TUNING, FineTuning, QuantizationAwareTraining, parse_changes
from training.architecture import architecture_in, rebuilt
from training.config import TrainingConfig, replaced
from training.dataset import Dataset
from training.distillation import Distillation, Hint
from training.publish import FLOAT32_FILE, MeasuredFile, measure_file
from training.run import Run, RunError, load_model, open_run, published, published_in, read_run
from training.run_data import load_data_of

COMPRESSIONS = ("channels", "magnitude", QuantizationAwareTraining.METHOD)  # methods, in the records of runs


@dataclass(frozen=True, slots=True)
class FirstModel:
    """The dense float32 model that a line of compressions began with, as run.json and manifests record it.

    Attributes:
        published: its "name:version".
        run: id of the run that trained it.
        top1: fraction of the validation images that it answers right.
        workdir: folder of that run; "" where it is not known.
    """

    published: str
    run: str
    top1: float
    workdir: str = ""

    @classmethod
    def of(cls, source: Source) -> FirstModel:
        """Describe the model of a source."""
        workdir, top1 = source.dense.file.parent.resolve(), round(source.dense.validation.top1, 6)
        return cls(source.published, source.run.run_id, top1, str(workdir))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FirstModel:
        """Read the JSON form, which may have more in it."""
        return cls(**{field.name: values[field.name] for field in fields(cls) if field.name in values})


@dataclass(frozen=True, slots=True)
class Source:
    """A finished run that a compression starts from.

    Attributes:
        run: its record.
        data: that it was trained on.
        model: float32 Keras model, from normalized pixels to logits.
        architecture: of the model.
        dense: its exported float32 file, measured again here so that before and after come from one machine.
        published: "name:version" of its artifact.
        published_in: the repository that has it; None where a run from before does not tell.
    """

    run: Run
    data: Dataset
    model: keras.Model
    architecture: Architecture
    dense: MeasuredFile
    published: str
    published_in: Path | None = None

    @property
    def first(self) -> FirstModel | None:
        """Return the first model of its line, which may be its own; None where a run from before does not tell."""
        if self.run.line:
            return FirstModel.from_dict(self.run.line)
        return None if is_compression(self.run.compression) else FirstModel.of(self)

    def repository(self, given: Path | None) -> Repository:
        """Return the repository that is given, or else that the run published in, or else the one here.

        Raises:
            RunError: none is given, and that which the run published in is gone.
        """
        if given is None and self.published_in and not self.published_in.is_dir():
            raise RunError(
                f"{self.published} is in {self.published_in}, which is gone: say with --repository where to publish"
            )
        return Repository(given or self.published_in or Path("repository"))

    @property
    def name(self) -> str:
        """Return the name that the run was published under."""
        return ModelReference.parse(self.published).name

    def distillation(
        self, weight: float, temperature: float, *, hints: Iterable[Hint] = (), hint_weight: float = 0.0
    ) -> Distillation:
        """Make a teacher of the model, which computes in the precision that networks are built in now."""
        return Distillation(rebuilt(self.architecture, self.model), weight, temperature, tuple(hints), hint_weight)

    def require_batch_norm(self, option: str) -> None:
        """Raise ValueError that names the option, unless the network has batch normalizations."""
        if isinstance(self.architecture, ResNetV2) and self.architecture.norm != "batch":
            raise ValueError(f"{option} needs a network with norm=batch; this one has norm={self.architecture.norm}")

    def require_resnet(self, option: str) -> ResNetV2:
        """Return the architecture of a ResNet-v2 with batch normalizations; ValueError that names the option if not."""
        if not isinstance(self.architecture, ResNetV2):
            raise ValueError(
                f"{option} needs a ResNet-v2, and this is EfficientNet-Lite ({self.architecture.variant}): quantize it "
                "as it is, or train a ResNet-v2 that learns from it (python -m training teach), and start from that"
            )
        self.require_batch_norm(option)
        return self.architecture

    def with_settings(self, assignments: Iterable[str], own: Collection[str] = SET_BY_FINE_TUNING) -> Source:
        """Change settings of the training for a fine-tuning; the run on disk stays as it is.

        `optimize.settings.parse_changes` says what can be changed, and what it raises.
        """
        changes = parse_changes(assignments, own)
        return replace(self, run=replace(self.run, config=replaced(self.run.config, changes)))

    def without_averaging(self, fine_tuning: FineTuning) -> TrainingConfig:
        """Return the settings of a fine-tuning on full images whose last weights count.

        Their average would be off the zeros of a mask, or the steps of rounding.
        """
        config = self.run.config
        return replace(
            config,
            epochs=fine_tuning.epochs,
            peak_lr=fine_tuning.peak_lr_after(config.peak_lr),
            warmup_fraction=0.0,
            small_fraction=0.0,
            average_decay=0.0,
        )

    def begin_run(self, output: Path, config: TrainingConfig, *, compression: dict[str, Any], command: str) -> Run:
        """Begin a run that compresses this model while it trains on, or resume the one in `output`.

        Raises:
            RunError: `output` holds another run.
        """
        run = Run.new(
            command=command,
            config=config,
            data=self.run.data,
            old=self.run.old,
            data_name=self.data.name,
            data_sha256=self.data.sha256,
            labels=self.run.labels,
            parent=self.published,
            ancestry=self.run.commands,
            compression=compression,
            line=asdict(self.first) if self.first else None,
        )
        return open_run(output, run)


def is_compression(record: Mapping[str, Any] | None) -> bool:
    """Tell if a run's record of how it was made, or a manifest's, is of a compression: a teacher is none."""
    return record is not None and record.get("method") in COMPRESSIONS


def open_source(workdir: Path, data_path: Path | None, *, say: Callable[[str], None] = print) -> Source:
    """Read a finished run and measure its float32 file.

    Args:
        workdir: the run's folder.
        data_path: of its data, where that has moved since.
        say: called with a line on each stage.

    Raises:
        RunError: the run is not there, not finished, or kept no Keras model, or the data is not what it was trained on.
        DatasetError: the data cannot be used.
    """
    run = read_run(workdir)
    if run.compression and run.compression["method"] == QuantizationAwareTraining.METHOD:
        raise RunError(f"{workdir} was trained as an int8 file and has no other: start from the run of {run.parent}")
    model = load_model(workdir)
    say(f"opening {data_path or run.data}")
    data = load_data_of(run, workdir, data_path)
    test_images = how_many(len(data.test), "test image")
    say(f"measuring the float32 model on {len(data.validation)} validation and {test_images}")
    dense = measure_file(workdir / FLOAT32_FILE, run, data, precision="float32")
    reference = published(workdir, "float32")
    return Source(run, data, model, architecture_in(model, run.config), dense, reference, published_in(workdir))
