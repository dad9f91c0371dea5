"""Makes JSON responses, and turns errors into them, here alone: each class has a status, all have the same body."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from flask import Flask, Response, request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException

from models import errors as model_errors
from models.errors import OpsinError
from server import request_errors
from server.engine import errors as engine_errors
from server.request_log import ENVIRON_KEY
from server.tracing.stages import STAGES_KEY, Stages

log = logging.getLogger("opsin.errors")

# The page has a stricter policy of its own beside this one; browsers keep to both.
ON_EVERY_RESPONSE = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
)

MAX_MESSAGE_CHARACTERS = 1000  # of an error
PROTOCOLS = ("/v1", "/v2")  # paths of protocols by others, whose errors are text alone

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode

# The status of an error is that of its class, or of the nearest class it inherits from; without one it is 500.
STATUS: dict[type[BaseException], int] = {
    model_errors.ImageError: 422,
    model_errors.EmptyImage: 400,
    model_errors.ImageTooLarge: 413,
    model_errors.UnsupportedImage: 415,
    model_errors.ModelNotFound: 404,
    model_errors.VersionNotFound: 404,
    request_errors.RequestError: 400,
    request_errors.MissingApiKey: 401,
    request_errors.InvalidApiKey: 401,
    request_errors.AdminOff: 403,
    request_errors.MissingAdminToken: 401,
    request_errors.InvalidAdminToken: 401,
    request_errors.RateLimited: 429,
    request_errors.UploadTimeout: 408,
    request_errors.UploadTooLarge: 413,
    request_errors.TooManyImages: 413,
    request_errors.UnsupportedMediaType: 415,
    request_errors.Overloaded: 503,
    engine_errors.EngineNotReady: 503,
    engine_errors.DefaultNotServed: 503,
    engine_errors.LoadFailed: 400,  # as Triton has it
    engine_errors.ClientGone: 499,  # as nginx has it; only the log sees it
    engine_errors.DeadlineExceeded: 504,
}

# RFC 6750, section 3: how to come in, and whether what was tried is known.
HEADERS: dict[type[BaseException], dict[str, str]] = {
    request_errors.MissingApiKey: {"WWW-Authenticate": 'Bearer realm="opsin"'},
    request_errors.InvalidApiKey: {"WWW-Authenticate": 'Bearer realm="opsin", error="invalid_token"'},
    request_errors.MissingAdminToken: {"WWW-Authenticate": 'Bearer realm="opsin admin"'},
    request_errors.InvalidAdminToken: {"WWW-Authenticate": 'Bearer realm="opsin admin", error="invalid_token"'},
    engine_errors.EngineNotReady: {"Retry-After": "1"},
}

# What Flask says by itself is written for a person in a browser.
MESSAGES = {
    404: "there is nothing at this path; images go to POST /predict",
    405: "this path does not take that method; images go to POST /predict",
}


class JSONResponse(Response):
    """A document, its status, and headers beside its type and length."""

    def __init__(self, document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        body = _encode(document).encode() + b"\n"
        own = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        super().__init__([body], status, Headers([*own, *headers.items()] if headers else own))

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer as WSGI wants it: the body is bytes, its length known, and there is no Location to complete."""
        start_response(self.status, self.headers.to_wsgi_list())
        return [] if environ["REQUEST_METHOD"] == "HEAD" else self.response  # type: ignore[return-value]


class Content:
    """Bytes, as a WSGI application of status 200, for what is answered past Flask.

    To make a response of Flask's takes as long as to encode a document.

    Attributes:
        headers: of the response.
    """

    def __init__(self, body: bytes, content_type: str) -> None:
        self._body = body
        self.headers = {"Content-Type": content_type, "Content-Length": str(len(body))}

    def __call__(self, _environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer."""
        start_response("200 OK", list(self.headers.items()))
        return [self._body]


class JSONDocument(Content):
    """A document: `JSONResponse` with status 200, past Flask."""

    def __init__(self, document: Any) -> None:
        super().__init__(_encode(document).encode() + b"\n", "application/json")


class ErrorResponse(JSONResponse):
    """What is wrong with a request for a path as a whole, whose trace is told the code, whoever refuses it."""

    def __init__(self, error: Mapping[str, str], status: int, headers: Mapping[str, str], path: str = "") -> None:
        is_text = any(path == prefix or path.startswith(f"{prefix}/") for prefix in PROTOCOLS)
        super().__init__({"error": error["message"] if is_text else error}, status, headers)
        self._code = error["code"]

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer as `JSONResponse`."""
        stages: Stages | None = environ.get(STAGES_KEY)
        if stages is not None:
            stages.error = self._code
        return super().__call__(environ, start_response)


def status_of(error: OpsinError) -> int:
    """Choose the HTTP status of an error."""
    if isinstance(error, request_errors.MalformedRequest):
        return error.status
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def headers_of(error: OpsinError) -> dict[str, str]:
    """Choose the headers of an error: a client that is turned away is told when to come back, or with what."""
    if isinstance(error, request_errors.Overloaded | request_errors.RateLimited):
        return {"Retry-After": str(error.retry_after_s)}
    return next((HEADERS[kind] for kind in type(error).__mro__ if kind in HEADERS), {})


def message_of(error: OpsinError) -> str:
    """Say what was wrong; a client's own words, which many messages quote, make it no longer than this."""
    message = str(error)
    return message if len(message) <= MAX_MESSAGE_CHARACTERS else message[:MAX_MESSAGE_CHARACTERS] + "..."


def body_of(error: OpsinError) -> dict[str, str]:
    """Write what stands under "error" in an answer."""
    return {"code": error.code, "message": message_of(error)}


def error_response(error: OpsinError, path: str = "") -> Response:
    """Answer a request for a path that failed as a whole."""
    return ErrorResponse(body_of(error), status_of(error), headers_of(error), path)


def failure_response(error: Exception, environ: Mapping[str, Any]) -> Response:
    """Answer a bug of ours: the log has the traceback, the client only the id to quote."""
    request_id = environ[ENVIRON_KEY]
    log.error("request %s failed", request_id, exc_info=error)
    message = f"the server failed on request {request_id}"
    return ErrorResponse({"code": "internal_error", "message": message}, 500, {}, environ["PATH_INFO"])


def front_response(
    error: OpsinError, path: str = "", more_headers: Sequence[tuple[str, str]] = ()
) -> tuple[str, dict[str, str], bytes]:
    """Give the HTTP front status, headers and body of a request that it refuses before the application is called."""
    response = error_response(error, path)
    return response.status, dict([*response.headers, *ON_EVERY_RESPONSE, *more_headers]), response.get_data()


def register_error_handlers(app: Flask) -> None:
    """Make every error of the app, Flask's own included, an answer in JSON."""

    @app.errorhandler(OpsinError)
    def refused_by_us(error: OpsinError) -> Response:
        return error_response(error, request.path)

    @app.errorhandler(HTTPException)
    def refused_by_flask(error: HTTPException) -> Response:
        """Answer what Flask refuses by itself, such as 404 and 405, with its headers (Allow) kept."""
        status = error.code or 500
        code = (error.name or "error").lower().replace(" ", "_")
        own = ("content-type", "content-length")
        kept = {name: value for name, value in error.get_headers() if name.lower() not in own}
        message = MESSAGES.get(status, error.description or error.name)
        return ErrorResponse({"code": code, "message": message}, status, kept, request.path)

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        return failure_response(error, request.environ)
