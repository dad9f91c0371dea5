"""What the request path needs of an engine: pixels in, probabilities out, whoever runs the model and wherever.

A request reserves one slot per image, has each image decoded straight into its slot, submits the slot while the next
image is decoded, and waits for the results::

    with engine.reserve(model, len(uploads), deadline=deadline) as slots:
        for upload, slot in zip(uploads, slots):
            preprocess(upload, model.pixels, out=slot.pixels)
            slot.submit()
        answers = [slot.result() for slot in slots]

The slots are memory shared with the engine's process (``server.engine.lane``), which is the engine's own affair.
Deadlines are seconds of the monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelNotFound, OpsinError, VersionNotFound
from models.pixels.preprocessing import PixelSpec
from models.store.reference import ModelReference


class EngineError(OpsinError):
    """The engine gave no probabilities; the upload is not to blame."""

    code: ClassVar[str] = "engine_error"


class EngineFailed(EngineError):
    """The model ran and failed, or answered with something that is no probability."""

    code: ClassVar[str] = "engine_failed"


class EngineNotReady(EngineError):
    """The engine still loads, or has been closed."""

    code: ClassVar[str] = "not_ready"


class DefaultNotServed(EngineError):
    """The request names no model, and the one that is meant then is not served; another would answer something else."""

    code: ClassVar[str] = "default_not_served"


class ModelGone(EngineError):
    """The model was replaced meanwhile; asking again finds its successor."""

    code: ClassVar[str] = "model_gone"


class ClientGone(EngineError):
    """The client has closed the connection; nobody will read an answer."""

    code: ClassVar[str] = "client_gone"


class DeadlineExceeded(EngineError):
    """The answer did not come in the time the client gave."""

    code: ClassVar[str] = "deadline_exceeded"


class Overloaded(EngineError):
    """More images wait than the engine takes.

    Attributes:
        retry_after_s: whole seconds, at least 1, after which those that wait now should be done.
    """

    code: ClassVar[str] = "overloaded"

    def __init__(self, message: str, *, wait_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = max(1, math.ceil(wait_s))


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One version of a model as the request path sees it: what goes in, and what the outputs are called."""

    name: str
    version: int
    labels: tuple[str, ...]
    pixels: PixelSpec


@dataclass(frozen=True, slots=True)
class RefusedModel:
    """A version that should be served and cannot be, and why, in words fit for a client; version 0: none was found."""

    name: str
    version: int
    reason: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What an engine serves.

    Attributes:
        models: the first version of a name is its stable one.
        refused: what it should serve and does not.
        default: what a request means that names no model, the same as long as the server runs; None before anything is
            served.
    """

    models: tuple[ServedModel, ...] = ()
    refused: tuple[RefusedModel, ...] = ()
    default: ModelReference | None = None

    @property
    def default_model(self) -> ServedModel | None:
        """The default, where it is served."""
        default = self.default
        if default is None:
            return None
        fits = (m for m in self.models if m.name == default.name and default.version in (None, m.version))
        return next(fits, None)


@dataclass(frozen=True, slots=True)
class EngineState:
    """How one engine stands at this moment.

    Attributes:
        is_up: loaded, warm, and not known to be dead.
        num_restarts: since the server started.
        num_in_hand: images, from reservation to answer.
        num_waiting: those of them that have been submitted and have not begun to run.
        models: what it serves.
        refused: what it should serve and does not.
    """

    is_up: bool
    num_restarts: int
    num_in_hand: int
    num_waiting: int
    models: tuple[ServedModel, ...]
    refused: tuple[RefusedModel, ...]


class Slot(Protocol):
    """Room for the pixels of one image, and then for its probabilities."""

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """uint8 [height, width, 3], RGB; to be filled before ``submit``."""

    def check_client(self) -> None:
        """Raise ClientGone if the client has closed its connection; does not wait."""

    def submit(self) -> None:
        """Hand the pixels to the engine, without waiting; from here on they must not change."""

    def result(self) -> NDArray[np.float32]:
        """Wait for the probabilities, float32 [number of labels].

        Raises:
            DeadlineExceeded: the deadline of the reservation passed first.
            EngineFailed: the model could not run on these pixels; other slots are not affected.
            ModelGone: the model was replaced before it ran.
            ClientGone: the client of the reservation has closed its connection.
        """


class Engine(Protocol):
    """Runs models. Safe to use from many threads at once."""

    @property
    def is_ready(self) -> bool:
        """Whether every model that can be is loaded and warm, and the engine takes work."""

    @property
    def catalogue(self) -> Catalogue:
        """What is served; nothing before the first model is loaded."""

    @property
    def num_slots(self) -> int:
        """How many images may be in hand, in all HTTP workers together."""

    @property
    def states(self) -> Sequence[EngineState]:
        """How each engine stands, one for each device."""

    def wait_until_served(self, deadline: float) -> Catalogue:
        """Wait until there are models and a default, and return them.

        Raises:
            EngineNotReady: there were none by the deadline.
        """

    def reserve(
        self, model: ServedModel, num_images: int, *, deadline: float, client_fd: int | None = None
    ) -> AbstractContextManager[Sequence[Slot]]:
        """Reserve one slot per image. Leaving the context gives them back; what has not run by then never will.

        Args:
            model: one of the catalogue's.
            num_images: at least one.
            deadline: by which the answers are wanted.
            client_fd: the socket of whoever asked; when the client closes it, or its half of it, the work is dropped.

        Raises:
            Overloaded: more images wait already than can be answered in time, or than there is room for.
            ModelGone: the model has been replaced.
            EngineNotReady: the server is stopping.
        """

    def close(self) -> None:
        """Take no more work. May be called more than once."""


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
