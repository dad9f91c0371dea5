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
from models.preprocessing import PixelSpec


class EngineError(OpsinError):
    """The engine gave no probabilities; the upload is not to blame."""

    code: ClassVar[str] = "engine_error"


class EngineFailed(EngineError):
    """The model ran and failed, or answered with something that is no probability."""

    code: ClassVar[str] = "engine_failed"


class EngineNotReady(EngineError):
    """The engine still loads, or has been closed."""

    code: ClassVar[str] = "not_ready"


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
class EngineState:
    """How one engine stands at this moment.

    Attributes:
        is_up: loaded, warm, and not known to be dead.
        num_restarts: since the server started.
        num_in_hand: images, from reservation to answer.
        num_waiting: those of them that have been submitted and have not begun to run.
        models: what it serves, the default first.
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
        """Whether every model is loaded and warm, and the engine takes work."""

    @property
    def models(self) -> Sequence[ServedModel]:
        """What is served; the first is what a request gets that names no model; nothing before the first is loaded."""

    @property
    def refused(self) -> Sequence[RefusedModel]:
        """What should be served and is not."""

    @property
    def num_slots(self) -> int:
        """How many images may be in hand, in all HTTP workers together."""

    @property
    def states(self) -> Sequence[EngineState]:
        """How each engine stands, one for each device."""

    def wait_until_served(self, deadline: float) -> Sequence[ServedModel]:
        """Wait until there are models, and return them.

        Raises:
            EngineNotReady: there were none by the deadline.
        """

    def reserve(
        self, model: ServedModel, num_images: int, *, deadline: float, client_fd: int | None = None
    ) -> AbstractContextManager[Sequence[Slot]]:
        """Reserve one slot per image. Leaving the context gives them back; what has not run by then never will.

        Args:
            model: one of `models`.
            num_images: at least one.
            deadline: by which the answers are wanted.
            client_fd: the socket of whoever asked; when it is closed, the work is dropped.

        Raises:
            Overloaded: more images wait already than can be answered in time, or than there is room for.
            ModelGone: the model has been replaced.
            EngineNotReady: the server is stopping.
        """

    def close(self) -> None:
        """Take no more work. May be called more than once."""


def find_model(models: Sequence[ServedModel], name: str | None, version: int | None) -> ServedModel:
    """Pick the model a request asks for: the first that fits what it names.

    Raises:
        ModelNotFound: no model of that name is served.
        VersionNotFound: the model is served, but not in that version.
    """
    name = models[0].name if name is None else name
    versions = [model for model in models if model.name == name]
    if not versions:
        served = ", ".join(dict.fromkeys(model.name for model in models))
        raise ModelNotFound(f"model {name!r} is not served here; served: {served}")
    for model in versions:
        if version in (None, model.version):
            return model
    served = ", ".join(str(model.version) for model in versions)
    raise VersionNotFound(f"model {name!r} is not served in version {version}; served: {served}")
