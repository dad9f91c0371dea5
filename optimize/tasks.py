"""Declares a command's options beside its method's settings: the run to start from, and the place to publish in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from models.arguments import version_reference
from models.store.fields import validate_name
from models.store.model_files import Device
from models.store.reference import ModelReference
from optimize.options import option


@dataclass(frozen=True, kw_only=True)
class Task:
    """The run that a compression starts from, and the terms on which its result is published."""

    workdir: Path = field(metadata=option("folder of the finished training run", metavar="DIR"))
    data_path: Path | None = field(
        default=None, metadata=option("the run's data, where it has moved since", "--data", metavar="PATH")
    )
    name: str | None = field(default=None, metadata=option("of the published model", default="the run's own"))
    repository: Path | None = field(
        default=None,
        metadata=option("folder to publish in", default="where the run published, else repository/", metavar="DIR"),
    )
    max_accuracy_drop: float = field(
        default=0.5,
        metadata=option("of top-1 accuracy that may be lost against the first model of the line", metavar="POINTS"),
    )
    max_class_drop: float | None = field(
        default=None,
        metadata=option(
            "of the accuracy on any one class, where the validation images show it", default="10", metavar="POINTS"
        ),
    )
    force: str | None = field(
        default=None,
        metadata=option("the model's name again: publish it whatever is lost or not gained", metavar="NAME"),
    )

    def __post_init__(self) -> None:
        if self.name is not None:
            validate_name(self.name)


@dataclass(frozen=True, kw_only=True)
class TrainingTask(Task):
    """A task that trains, in a run of its own."""

    output: Path = field(metadata=option("folder of the new run", metavar="DIR"))
    changes: tuple[str, ...] = field(
        default=(),
        metadata=option(
            "change a setting of the run's training for the fine-tuning, as for python -m training",
            "--set",
            metavar="FIELD=VALUE",
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Export:
    """The version that gets the file of another device, and the run that this is made from."""

    target: ModelReference = field(
        metadata=option("the version", "target", type=version_reference, metavar="NAME:VERSION")
    )
    device: Device = field(metadata=option("gpu: a float16 SavedModel; cpu: an int8 LiteRT file", "--for"))
    workdir: Path = field(metadata=option("folder of the training run that made the version", metavar="DIR"))
    data_path: Path | None = field(
        default=None, metadata=option("the run's data, where it has moved since", "--data", metavar="PATH")
    )
    repository: Path | None = field(
        default=None,
        metadata=option(
            "folder of the models",
            default="$OPSIN_REPOSITORY, else where the run published, else repository/",
            metavar="DIR",
        ),
    )
    max_accuracy_drop: float = field(
        default=0.3,
        metadata=option(
            "of top-1 accuracy that the new file may be worse than the one that is there", metavar="POINTS"
        ),
    )
    as_json: bool = field(default=False, metadata=option("print JSON, for programs", "--json"))
