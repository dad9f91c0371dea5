"""Why the engine gave no probabilities; `server.api.errors` gives each a status."""

from __future__ import annotations

from typing import ClassVar

from models.errors import ModelFailed, OpsinError


class EngineError(OpsinError):
    """The engine gave no probabilities; the upload is not to blame."""

    code: ClassVar[str] = "engine_error"


class EngineFailed(EngineError, ModelFailed):
    """The model failed on an image in the engine."""

    code: ClassVar[str] = ModelFailed.code


class EngineNotReady(EngineError):
    """The engine still loads, or has been closed."""

    code: ClassVar[str] = "not_ready"


class DefaultNotServed(EngineError):
    """The request names no model, and the one that is meant then is not served; another would answer something else."""

    code: ClassVar[str] = "default_not_served"


class LoadFailed(EngineError):
    """The repository has a version that was asked for, and it cannot be loaded."""

    code: ClassVar[str] = "load_failed"


class ModelGone(EngineError):
    """The model was replaced meanwhile; asking again finds its successor."""

    code: ClassVar[str] = "model_gone"


class ClientGone(EngineError):
    """The client has closed the connection; nobody will read an answer."""

    code: ClassVar[str] = "client_gone"


class DeadlineExceeded(EngineError):
    """The answer did not come in the time the client gave."""

    code: ClassVar[str] = "deadline_exceeded"
