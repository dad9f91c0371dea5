"""One request for a classification, by whichever way in: its body and its time, and what is noted of it on the way."""

from __future__ import annotations

import re
from typing import Any

from flask import Request

from models.errors import OpsinError
from server.api.server_timing import server_timing
from server.api.uploads import read_body
from server.encoding import Encoding
from server.engine.catalogue import ServedModel
from server.metrics import Metrics
from server.request_errors import RequestError, UnsupportedMediaType
from server.request_log import SERVED_KEY
from server.settings import Settings
from server.tracing.stages import STAGES_KEY, Stages
from server.whole_number import whole_number

TIMEOUT_HEADER = "X-Request-Timeout-Ms"
# Either keeps a client with one version (docs/rollouts.md).
SESSION_HEADER, SESSION_COOKIE = "X-Session-Id", "session_id"
MAX_TIMEOUT_MS = 600_000
_SESSION_OF_COOKIES = re.compile(rf"(?:^|;) *{SESSION_COOKIE}=([^;]+)")


class Exchange:
    """A request, until it has its response.

    Args:
        environ: of the request.
        settings: of the server.
        metrics: of this process.

    Attributes:
        stages: to note what is done in; None where neither a trace nor times are wanted.
        is_timed: whether the client asks where the time goes.
    """

    def __init__(self, environ: dict[str, Any], settings: Settings, metrics: Metrics) -> None:
        self._environ, self._settings, self._metrics = environ, settings, metrics
        self.is_timed = False
        self.stages: Stages | None = self._environ.get(STAGES_KEY)
        if (read_s := self._environ.get("opsin.read_s")) is not None:
            metrics.note_read(read_s)

    @property
    def client_fd(self) -> int | None:
        """The client's socket; None where the server that called has none to tell of."""
        sock = self._environ.get("gunicorn.socket")
        return None if sock is None else int(sock.fileno())

    @property
    def content_encoding(self) -> str:
        """How the body is compressed; empty where it is not."""
        coding: str = self._environ.get("HTTP_CONTENT_ENCODING", "")
        return "" if coding.strip().lower() == "identity" else coding

    @property
    def session(self) -> str | None:
        """The client's session, which stays with one version where there is a canary; None where it names none."""
        if header := self._environ.get("HTTP_X_SESSION_ID"):
            return str(header)
        cookies = self._environ.get("HTTP_COOKIE")
        found = _SESSION_OF_COOKIES.search(cookies) if cookies else None
        return found and found[1]

    def begin_timing(self) -> None:
        """Note what is done from here on, for `server_timing`."""
        self.is_timed, self.stages = True, self.stages or Stages()

    def server_timing(self) -> str:
        """Write the header of where the time went."""
        noted = self.stages.noted if self.stages is not None else ()
        return server_timing(noted, upload_s=self._environ.get("opsin.read_s", 0.0))

    def timeout_s(self, otherwise_s: float | None = None) -> float:
        """Tell how long the client waits, by the header, or else as it is given, or by the setting.

        Raises:
            RequestError: the header is no such number.
        """
        text = self._environ.get("HTTP_X_REQUEST_TIMEOUT_MS")
        if not text:
            return self._settings.request_timeout_ms / 1000 if otherwise_s is None else otherwise_s
        try:
            return whole_number(text, 1, MAX_TIMEOUT_MS) / 1000
        except ValueError as error:
            raise RequestError(f"{TIMEOUT_HEADER} must be {error}, got {text[:40]!r}") from None

    def read_body(self) -> bytes | bytearray:
        """Read the body as it was sent; raises as `server.api.uploads.read_body` does."""
        stream: Any
        length: int | None
        if self._environ.get("wsgi.input_terminated"):  # as by our front, which has checked the length, if there is one
            text = self._environ.get("CONTENT_LENGTH")
            stream, length = self._environ["wsgi.input"], int(text) if text else None
        else:
            request = Request(self._environ, populate_request=False)
            stream, length = request.stream, request.content_length
        return read_body(stream, length, max_bytes=self._settings.max_upload_bytes)

    def read_plain_body(self) -> bytes | bytearray:
        """Read a body that may not be compressed.

        Raises:
            UnsupportedMediaType: it is.
        """
        if encoding := self.content_encoding:
            raise UnsupportedMediaType(
                f"the request body must not be encoded, its Content-Encoding is {encoding[:40]!r}"
            )
        return self.read_body()

    def note_served(self, model: ServedModel) -> None:
        """Leave the log and the trace the version that answered."""
        self._environ[SERVED_KEY] = model.name, model.version

    def note_error(self, error: OpsinError) -> None:
        """Leave the trace the error that the request is answered with."""
        if self.stages is not None:
            self.stages.error = error.code

    def encoding(self) -> Encoding:
        """Time what is done in a `with` block: writing the response."""
        return Encoding(self._metrics, self.stages)


def version_headers(model: ServedModel) -> dict[str, str]:
    """Say which version answered, where the protocol's answer has no place for it."""
    return {"X-Model-Name": model.name, "X-Model-Version": str(model.version)}
