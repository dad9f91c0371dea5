"""ModelStreamInfer: requests one after the other on one call, classified side by side, answered in their order."""

from __future__ import annotations

import asyncio
from typing import Any

from grpc import StatusCode

from models.errors import OpsinError
from server.api.errors import message_of
from server.engine.errors import EngineNotReady
from server.grpc.calls import Call, Doorway
from server.grpc.errors import code_of
from server.grpc.inference import Inference
from server.grpc.messages import message_class
from server.grpc.request import parse_message
from server.grpc.uploads import Uploads
from server.request_errors import Overloaded, RequestError

MAX_AHEAD = 16  # requests of one stream that are in hand; flow control keeps its client waiting with the next
FINAL = "triton_final_response"  # by which clients of Triton know that a request has no further answer


class Streams:
    """The streams of a process; to be used by one event loop.

    Args:
        inference: classifies.
        uploads: receives requests.
        doorway: lets requests in.
        is_stopping: set when the process is on its way out; what has come by then is answered.
        max_streams: that may be open at once.
    """

    def __init__(
        self,
        inference: Inference,
        uploads: Uploads,
        doorway: Doorway,
        is_stopping: asyncio.Event,
        *,
        max_streams: int,
    ) -> None:
        self._inference, self._uploads = inference, uploads
        self._doorway, self._is_stopping = doorway, is_stopping
        self._max_streams, self._num_streams = max_streams, 0

    async def serve(self, call: Call) -> None:
        """Answer the requests of a stream until its client has no more, or the server stops.

        Raises:
            Overloaded: there are too many streams.
            EngineNotReady: the server stops.
        """
        async with self._doorway.admitted(call):
            pass  # whose requests would all be refused
        if self._num_streams >= self._max_streams:
            raise Overloaded(f"{self._max_streams} streams are open already, try again later", wait_s=1)
        self._num_streams += 1
        answers: asyncio.Queue[asyncio.Task[Any] | None] = asyncio.Queue()
        ahead = asyncio.Semaphore(MAX_AHEAD)
        reading = asyncio.create_task(self._read(call, answers, ahead))
        answer: asyncio.Task[Any] | None = None
        try:
            while (answer := await answers.get()) is not None:
                await call.context.write(await answer)
                ahead.release()
            await reading
        finally:
            self._num_streams -= 1
            reading.cancel()
            for left in (answer, *(answers.get_nowait() for _ in range(answers.qsize()))):
                if left is not None:
                    left.cancel()
        if self._is_stopping.is_set():
            raise EngineNotReady("the server is stopping")

    async def _read(
        self, call: Call, answers: asyncio.Queue[asyncio.Task[Any] | None], ahead: asyncio.Semaphore
    ) -> None:
        """Read requests and begin to answer them, until there are no more."""
        stopping = asyncio.create_task(self._is_stopping.wait())
        try:
            while True:
                await ahead.acquire()
                reading = asyncio.create_task(self._uploads.receive_next(call.context))
                try:
                    await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    reading.cancel()  # where it is not done
                if not reading.done() or (content := reading.result()) is None:
                    return
                answers.put_nowait(asyncio.create_task(self._answer(call, content)))
        finally:
            stopping.cancel()
            answers.put_nowait(None)

    async def _answer(self, stream: Call, content: bytes) -> Any:
        """Answer a request; an error is the answer to this one alone."""
        code, call = StatusCode.CANCELLED, Call(stream.method, stream.context)
        call.request_id = stream.request_id
        self._doorway.begin(call)
        answer = message_class("inference.ModelStreamInferResponse")
        try:
            async with self._doorway.admitted(call):
                response, call.model = await self._inference.answer(content, call.timeout_s, call.session, call.stages)
            response.parameters[FINAL].bool_param = True
            code = StatusCode.OK
            return answer(infer_response=response)
        except OpsinError as error:
            code = code_of(error)
            call.note_error(error)
            failed = answer(error_message=message_of(error))
            failed.infer_response.id = _id_of(content)
            return failed
        finally:
            self._doorway.note(call, code)


def _id_of(content: bytes) -> str:
    try:
        return str(parse_message(content).id)
    except RequestError:
        return ""
