"""The models that an engine serves, and which of them a request asks for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from models.answers import can_be_unsure
from models.errors import ModelNotFound, VersionNotFound
from models.pixels.preprocessing import PixelSpec
from models.runtime_choice.record import RuntimeChoice
from models.store.calibration import Calibration
from models.store.expected_answers import ExpectedAnswers
from models.store.reference import ModelReference
from server.engine.errors import DefaultNotServed
from server.engine.explanation import FeatureShape


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One version of a model as the request path sees it: its input, and what its outputs are called and worth.

    Attributes:
        expected: its answers to the validation images, where it was published with them.
        feature_shape: height, width and channels of its last feature maps, where its answers can be explained by them.
        can_be_unsure: it was published with a way to say that a picture is of none of its classes.
    """

    name: str
    version: int
    labels: tuple[str, ...]
    pixels: PixelSpec
    calibration: Calibration | None = None
    expected: ExpectedAnswers | None = None
    feature_shape: FeatureShape | None = None
    can_be_unsure: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "can_be_unsure", can_be_unsure(self.labels, self.calibration))

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> ServedModel:
        """Read what `to_dict` wrote."""
        calibration, expected, shape = record["calibration"], record["expected"], record["feature_shape"]
        return cls(
            record["name"],
            record["version"],
            tuple(record["labels"]),
            PixelSpec.from_dict(record["pixels"]),
            calibration and Calibration.from_dict(calibration),
            expected and ExpectedAnswers.from_dict(expected),
            shape and tuple(shape),
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
    """

    models: tuple[ServedModel, ...] = ()
    refused: tuple[RefusedModel, ...] = ()
    default: ModelReference | None = None
    runtimes: tuple[RuntimeChoice, ...] = ()

    @property
    def default_model(self) -> ServedModel | None:
        """The default model, or None where it is not served."""
        default = self.default
        if default is None:
            return None
        fits = (m for m in self.models if m.name == default.name and default.version in (None, m.version))
        return next(fits, None)

    def to_json(self) -> bytes:
        """Write it as JSON."""
        models = [model.to_dict() for model in self.models]
        refused = [[refusal.name, refusal.version, refusal.reason] for refusal in self.refused]
        default = str(self.default) if self.default else None
        runtimes = [choice.to_dict() for choice in self.runtimes]
        record = {"models": models, "refused": refused, "default": default, "runtimes": runtimes}
        return json.dumps(record).encode()

    @classmethod
    def from_json(cls, content: bytes) -> Catalogue:
        """Read what `to_json` wrote."""
        document = json.loads(content)
        models = tuple(ServedModel.from_dict(record) for record in document["models"])
        refused = tuple(RefusedModel(*refusal) for refusal in document["refused"])
        default = document["default"]
        runtimes = tuple(RuntimeChoice.from_dict(choice) for choice in document["runtimes"])
        return cls(models, refused, ModelReference.parse(default) if default else None, runtimes)


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
    names = ", ".join(dict.fromkeys(model.name for model in catalogue.models))
    default = catalogue.default
    if name is None and version is None:
        if (served := catalogue.default_model) is None:
            raise DefaultNotServed(f"the default model, {default}, is not served; ask with ?model= for one of: {names}")
        return served
    if name is None and default is not None:
        name = default.name
    versions = [model for model in catalogue.models if model.name == name]
    if not versions:
        raise ModelNotFound(f"model {name!r} is not served here; served: {names}")
    for model in versions:
        if version in (None, model.version):
            return model
    numbers = ", ".join(str(model.version) for model in versions)
    raise VersionNotFound(f"model {name!r} is not served in version {version}; served: {numbers}")
