"""What the calls of the protocol do, whatever carries them: to be asked by HTTP and by gRPC alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import server
from models.errors import ModelNotFound, OpsinError, VersionNotFound
from server.api.probabilities import version_of
from server.classify import Classifier, Output
from server.engine.catalogue import ServedModel, find_model
from server.engine.client import EngineClient
from server.engine.errors import EngineNotReady
from server.metrics import Metrics
from server.open_inference.documents import model_config, model_metadata, repository_index, server_metadata
from server.open_inference.images import check_pixels, images_of
from server.open_inference.request import InferenceRequest
from server.open_inference.response import output_of
from server.open_inference.statistics import statistics
from server.settings import Settings
from server.tracing.stages import Stages

Document = dict[str, Any]


class OpenInference:
    """The server, as the protocol sees it. Any thread may ask it.

    Args:
        classifier: runs the models.
        engine: knows which there are.
        settings: of the server.
        metrics: of this process.
        is_stopping: whether the process is on its way out.
    """

    def __init__(
        self,
        classifier: Classifier,
        engine: EngineClient,
        settings: Settings,
        metrics: Metrics,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._classifier, self._engine, self._settings = classifier, engine, settings
        self._metrics, self._is_stopping = metrics, is_stopping

    @property
    def is_ready(self) -> bool:
        """Whether the server takes requests."""
        return self._engine.is_ready and not self._is_stopping()

    def server(self) -> Document:
        """Tell what the server is."""
        return server_metadata(server.__version__)

    def metadata(self, name: str, version: str | None) -> Document:
        """Tell what a model takes and gives."""
        return model_metadata(self.find(name, version), self._engine.catalogue)

    def check_ready(self, name: str, version: str | None) -> ServedModel:
        """Find a model that takes requests now; raises EngineNotReady where the server does not."""
        if not self.is_ready:
            raise EngineNotReady("the server is stopping" if self._is_stopping() else "the model is still loading")
        return self.find(name, version)

    def config(self, name: str, version: str | None) -> Document:
        """Tell a model's configuration as Triton would."""
        settings = self._settings
        return model_config(
            self.find(name, version),
            self._engine.catalogue,
            max_images=settings.max_images,
            max_queue_delay_ms=settings.max_queue_delay_ms or 0,
        )

    def statistics(self, name: str | None = None, version: str | None = None) -> Document:
        """Tell what versions have done: one, all of a name, or all."""
        models = self._engine.catalogue.models
        if name is not None:
            found = self.find(name, version)
            models = (found,) if version else tuple(model for model in models if model.name == name)
        return statistics(self._metrics.registry.collect(), models)

    def index(self, *, is_ready_only: bool) -> list[dict[str, str]]:
        """List what is served, and what is not."""
        return repository_index(self._engine.catalogue, is_ready_only=is_ready_only)

    def run(
        self,
        wanted: InferenceRequest,
        name: str,
        version: str | None,
        *,
        timeout_s: float,
        client_fd: int | None,
        session: str | None = None,
        stages: Stages | None = None,
    ) -> Output:
        """Run a model as a request wants it; raises as `server.classify.Classifier.run`."""
        output_of(wanted)  # before anything is decoded
        images = images_of(wanted, max_images=self._settings.max_images)
        try:
            return self._classifier.run(
                images,
                timeout_s=timeout_s if wanted.timeout_s is None else min(timeout_s, wanted.timeout_s),
                model=name,
                version=version_of(version),
                check=lambda model: check_pixels(images, model),
                session=session,
                client_fd=client_fd,
                stages=stages,
            )
        except (ModelNotFound, VersionNotFound) as error:
            raise unknown_model(error) from None

    def find(self, name: str, version: str | None) -> ServedModel:
        """Find a version that is served.

        Raises:
            ModelNotFound: in the words that clients of Triton look for.
            EngineNotReady: nothing is loaded yet.
        """
        catalogue = self._engine.catalogue
        if catalogue.default is None:
            raise EngineNotReady("the model is still loading, try again soon")
        try:
            return find_model(catalogue, name, version_of(version))
        except (ModelNotFound, VersionNotFound) as error:
            raise unknown_model(error) from None


def unknown_model(error: OpsinError) -> ModelNotFound:
    """Say it as Triton does."""
    return ModelNotFound(f"Request for unknown model: {error}")
