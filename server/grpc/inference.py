"""Classifies what comes as messages: parses, asks the model and writes the answer in threads, beside the event loop."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from server.api.probabilities import probabilities_of
from server.encoding import Encoding
from server.engine.catalogue import ServedModel
from server.engine.client import EngineClient
from server.grpc.hangup import Hangup
from server.grpc.request import parse_message, read_message
from server.grpc.response import write_message
from server.grpc.uploads import Uploads
from server.metrics import Metrics
from server.open_inference.service import OpenInference
from server.request_errors import Overloaded
from server.settings import Settings
from server.tracing.stages import Stages


class Inference:
    """Answers inference requests; to be asked by one event loop.

    Args:
        service: runs the models.
        engine: knows whether there is room.
        settings: of the server.
        metrics: of this process.
        uploads: counts the messages in hand.
    """

    def __init__(
        self, service: OpenInference, engine: EngineClient, settings: Settings, metrics: Metrics, uploads: Uploads
    ) -> None:
        self._service, self._engine, self._settings = service, engine, settings
        self._metrics, self._uploads = metrics, uploads
        self._threads = ThreadPoolExecutor(settings.num_threads, "opsin-call")
        self._num_in_hand = 0

    def close(self) -> None:
        """End the threads, once what is in hand is answered."""
        self._threads.shutdown()

    def check_room(self) -> None:
        """Raise Overloaded where a request would only be refused later."""
        wait_s = self._engine.wait_s_if_full()
        if wait_s is None and self._num_in_hand < self._settings.num_threads:
            return
        raise Overloaded("more requests are in hand than there is room for, try again later", wait_s=wait_s or 0)

    async def answer(
        self, content: bytes, timeout_s: float | None, session: str | None = None, stages: Stages | None = None
    ) -> tuple[Any, ServedModel]:
        """Answer a request.

        Args:
            content: a ModelInferRequest.
            timeout_s: how long the client waits; None: as long as it takes.
            session: of the client, which stays with one version where there is a canary.
            stages: to note what is done in; None where no trace is wanted.

        Returns:
            A ModelInferResponse, and the version that answered.

        Raises:
            OpsinError: see `server.open_inference.service.OpenInference.run`. Where this is cancelled, the work is
            dropped.
        """
        self.check_room()
        limit_s = self._settings.request_timeout_ms / 1000
        deadline = time.monotonic() + (limit_s if timeout_s is None else min(limit_s, timeout_s))
        async with self._uploads.in_hand(content):
            hangup = Hangup()
            done = self._threads.submit(self._classify, content, deadline, hangup.fd, session, stages)
            self._num_in_hand += 1
            done.add_done_callback(lambda _: hangup.close())
            try:
                return await asyncio.wrap_future(done)
            finally:
                self._num_in_hand -= 1
                hangup.hang_up()

    def _classify(
        self, content: bytes, deadline: float, client_fd: int, session: str | None, stages: Stages | None
    ) -> tuple[Any, ServedModel]:
        message = parse_message(content)
        del content
        wanted = read_message(message)
        name, version = message.model_name, message.model_version or None
        del message
        timeout_s = deadline - time.monotonic()
        output = self._service.run(
            wanted, name, version, timeout_s=timeout_s, client_fd=client_fd, session=session, stages=stages
        )
        with Encoding(self._metrics, stages):
            return write_message(wanted, output.model, probabilities_of(output)), output.model
