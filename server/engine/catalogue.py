"""The models that an engine serves, and which of them a request asks for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple, dataclass, field
from typing import Any

from models.answers import can_be_unsure
from models.errors import ModelNotFound, VersionNotFound
from models.pixels.preprocessing import PixelSpec
from models.runtime import RuntimeName
from models.runtime_choice.record import BASELINE, RuntimeChoice
from models.store.calibration import Calibration
from models.store.examples import Examples
from models.store.expected_answers import ExpectedAnswers
from models.store.operating_points import OperatingPoint
from models.store.reference import ModelReference
from server.engine.errors import DefaultNotServed
from server.engine.explanation import FeatureShape
from server.engine.traffic_split import CANARY, STABLE, TrafficSplit


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One version of a model as the request path sees it: its input, and what its outputs are called and worth.

    Attributes:
        expected: its answers to the validation images, where it was published with them.
        feature_shape: height, width and channels of its last feature maps, where its answers can be explained by them.
        examples: training pictures that were published with it.
        point: from which probability on its answers are accepted, where that is set.
        file_sha256: of its file for LiteRT, which the engine has loaded; empty where it has none.
        can_be_unsure: it was published with a way to say that a picture is of none of its classes.
    """

    name: str
    version: int
    labels: tuple[str, ...]
    pixels: PixelSpec
    calibration: Calibration | None = None
    expected: ExpectedAnswers | None = None
    feature_shape: FeatureShape | None = None
    examples: Examples | None = None
    point: OperatingPoint | None = None
    file_sha256: str = ""
    can_be_unsure: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "can_be_unsure", can_be_unsure(self.labels, self.calibration))

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> ServedModel:
        """Read what `to_dict` wrote."""
        calibration, expected, shape = record["calibration"], record["expected"], record["feature_shape"]
        examples, point = record["examples"], record["point"]
        return cls(
            record["name"],
            record["version"],
            tuple(record["labels"]),
            PixelSpec.from_dict(record["pixels"]),
            calibration and Calibration.from_dict(calibration),
            expected and ExpectedAnswers.from_dict(expected),
            shape and tuple(shape),
            examples and Examples.from_dict(examples),
            point and OperatingPoint.from_dict(point),
            record["file_sha256"],
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "name": self.name,
            "version": self.version,
            "labels": self.labels,
            "pixels": self.pixels.to_dict(),
            "calibration": self.calibration and self.calibration.to_dict(),
            "expected": self.expected and self.expected.to_dict(),
            "feature_shape": self.feature_shape,
            "examples": self.examples and self.examples.to_dict(),
            "point": self.point and self.point.to_dict(),
            "file_sha256": self.file_sha256,
        }


@dataclass(frozen=True, slots=True)
class RefusedModel:
    """A version that should be served and cannot be; version 0 where none was found."""

    name: str
    version: int
    reason: str  # in words fit for a client


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The models that an engine serves.

    Attributes:
        models: the first version of a name is its stable one.
        refused: the versions that it should serve and cannot.
        default: the model of a request that names none, the same as long as the server runs; None before anything is
            served.
        runtimes: of what runs each of the models, in their order, and why.
        splits: of the models that have a canary; it is one of the models, too.
        unloaded: the versions that would be served if an operator had not unloaded their models, and who did.
    """

    models: tuple[ServedModel, ...] = ()
    refused: tuple[RefusedModel, ...] = ()
    default: ModelReference | None = None
    runtimes: tuple[RuntimeChoice, ...] = ()
    splits: tuple[TrafficSplit, ...] = ()
    unloaded: tuple[RefusedModel, ...] = ()

    @property
    def models_of_their_own(self) -> tuple[ServedModel, ...]:
        """The models without canaries."""
        canaries = {(split.name, split.candidate) for split in self.splits}
        return tuple(model for model in self.models if (model.name, model.version) not in canaries)

    @property
    def default_model(self) -> ServedModel | None:
        """The default model, or None where it is not served."""
        default = self.default
        if default is None:
            return None
        fits = (m for m in self.models if m.name == default.name and default.version in (None, m.version))
        return next(fits, None)

    def runtime_of(self, model: ServedModel) -> RuntimeName:
        """Name the runtime that runs one of the models."""
        chosen = (choice.runtime for other, choice in zip(self.models, self.runtimes, strict=False) if other == model)
        return next(chosen, BASELINE)

    def to_json(self) -> bytes:
        """Write it as JSON."""
        record = {
            "models": [model.to_dict() for model in self.models],
            "refused": [astuple(refusal) for refusal in self.refused],
            "default": str(self.default) if self.default else None,
            "runtimes": [choice.to_dict() for choice in self.runtimes],
            "splits": [split.to_dict() for split in self.splits],
            "unloaded": [astuple(each) for each in self.unloaded],
        }
        return json.dumps(record).encode()

    @classmethod
    def from_json(cls, content: bytes) -> Catalogue:
        """Read what `to_json` wrote."""
        document = json.loads(content)
        default = document["default"]
        return cls(
            tuple(ServedModel.from_dict(record) for record in document["models"]),
            tuple(RefusedModel(*refusal) for refusal in document["refused"]),
            ModelReference.parse(default) if default else None,
            tuple(RuntimeChoice.from_dict(choice) for choice in document["runtimes"]),
            tuple(TrafficSplit.from_dict(record) for record in document["splits"]),
            tuple(RefusedModel(*each) for each in document["unloaded"]),
        )


def key_of(name: str, version: int) -> int:
    """Hash a version to the 64-bit number that stands for it in a slot; never 0."""
    return int.from_bytes(hashlib.sha256(f"{name}:{version}".encode()).digest()[:8], "little") | 1


def find_model(catalogue: Catalogue, name: str | None, version: int | None) -> ServedModel:
    """Pick the model a request asks for: the first that fits what it names.

    Raises:
        DefaultNotServed: the request names neither a model nor a version, and the default is not served.
        ModelNotFound: no model of that name is served.
        VersionNotFound: the model is served, but not in that version.
    """
    default = catalogue.default
    if name is None and version is None and (served := catalogue.default_model) is not None:
        return served
    names = ", ".join(dict.fromkeys(model.name for model in catalogue.models)) or "none"
    if name is None and version is None:
        raise DefaultNotServed(f"the default model, {default}, is not served; ask with ?model= for one of: {names}")
    if name is None and default is not None:
        name = default.name
    versions = [model for model in catalogue.models if model.name == name]
    if not versions:
        why = next((f": {each.reason}" for each in catalogue.unloaded if each.name == name), "")
        raise ModelNotFound(f"model {name!r} is not served here{why}; served: {names}")
    for model in versions:
        if version in (None, model.version):
            return model
    numbers = ", ".join(str(model.version) for model in versions)
    raise VersionNotFound(f"model {name!r} is not served in version {version}; served: {numbers}")


def choose_version(
    catalogue: Catalogue, name: str | None, version: int | None, *, label: str | None = None, session: str | None = None
) -> ServedModel:
    """Pick the model that answers a request: the one it asks for, or the canary of that.

    Args:
        catalogue: of the engine.
        name: that the request names, if any.
        version: that it names; then there is no choice.
        label: STABLE or CANARY, where it asks for that.
        session: that stays with one of both; None: each request is placed at random.

    Raises:
        DefaultNotServed, ModelNotFound, VersionNotFound: as `find_model`; or there is no canary that is asked for.
    """
    served = find_model(catalogue, name, version)
    if version is not None or not (catalogue.splits or label):
        return served
    splits = (each for each in catalogue.splits if (each.name, each.stable) == (served.name, served.version))
    split = next(splits, None)
    if split is None and label == CANARY:
        raise ModelNotFound(f"model {served.name!r} has no version with the label {CANARY}")
    is_asked = label == CANARY or (
        label != STABLE and split is not None and not split.is_shadow and split.takes(session)
    )
    return find_model(catalogue, split.name, split.candidate) if split is not None and is_asked else served
