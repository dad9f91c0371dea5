"""POST /predict: images in, labels and probabilities out, as JSON or, for a plain form in a browser, as a page."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Request, Response, request

from models.errors import OpsinError
from server.api.body import read_body
from server.api.errors import body_of, error_response, headers_of, status_of
from server.api.json_response import JSONResponse
from server.api.pages import Pages
from server.api.uploads import parse_uploads
from server.classify import Answer, Classification, Classifier, Upload
from server.request_errors import RequestError, UnsupportedMediaType
from server.settings import Settings

PARAMETERS = ("top_k", "model", "version")
TIMEOUT_HEADER = "X-Request-Timeout-Ms"
DEFAULT_TOP_K = 5
MAX_TIMEOUT_MS = 600_000


@dataclass(frozen=True, slots=True)
class Query:
    """What the URL and the headers ask for, besides the images."""

    top_k: int
    model: str | None
    version: int | None
    timeout_s: float


def predict_routes(classifier: Classifier, pages: Pages, settings: Settings) -> Blueprint:
    """Make the route."""
    routes = Blueprint("predict", __name__)

    @routes.post("/predict")
    def predict() -> Response:
        asked: Request = request._get_current_object()  # type: ignore[attr-defined]
        try:
            query = parse_query(asked, settings)
            uploads = _read_uploads(asked, settings)
            classified = _classify(classifier, uploads, query, asked.environ.get("gunicorn.socket"))
        except OpsinError as error:
            return pages.refusal(error) if _wants_page(asked) else error_response(error)
        if _wants_page(asked):
            return pages.results(uploads, classified.answers, _failure(classified))
        return _answer(uploads, classified)

    return routes


def parse_query(asked: Request, settings: Settings) -> Query:
    """Check the query and the time-out header.

    A parameter that is not known is refused rather than ignored: ``topk=3`` would otherwise be answered as if nothing
    had been asked, and a client written for a newer server would not learn that this one is older.

    Raises:
        RequestError: names the parameter, what it got and what is allowed.
    """
    timeout_ms = asked.environ.get("HTTP_X_REQUEST_TIMEOUT_MS")
    if not asked.environ.get("QUERY_STRING") and not timeout_ms:
        return Query(DEFAULT_TOP_K, None, None, settings.request_timeout_ms / 1000)
    for name in asked.args:
        if name not in PARAMETERS:
            raise RequestError(f"the query may have the parameters {', '.join(PARAMETERS)}, got {name[:40]!r}")
    version = asked.args.get("version")
    return Query(
        top_k=_whole("top_k", asked.args.get("top_k", str(DEFAULT_TOP_K)), 2**31 - 1),
        model=asked.args.get("model"),
        version=None if version is None else _whole("version", version, 2**63 - 1),
        timeout_s=_whole(TIMEOUT_HEADER, timeout_ms or str(settings.request_timeout_ms), MAX_TIMEOUT_MS) / 1000,
    )


def _whole(name: str, text: str, high: int) -> int:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= 20 else 0
    if not 1 <= number <= high:
        raise RequestError(f"{name} must be a whole number from 1 to {high}, got {text[:40]!r}")
    return number


def _read_uploads(asked: Request, settings: Settings) -> list[Upload]:
    environ = asked.environ
    if encoding := environ.get("HTTP_CONTENT_ENCODING"):
        raise UnsupportedMediaType(f"the request body must not be encoded, its Content-Encoding is {encoding[:40]!r}")
    stream = environ["wsgi.input"] if environ.get("wsgi.input_terminated") else asked.stream
    body = read_body(stream, asked.content_length, max_bytes=settings.max_upload_bytes)
    return parse_uploads(body, environ.get("CONTENT_TYPE"), max_images=settings.max_images)


def _classify(
    classifier: Classifier, uploads: Sequence[Upload], query: Query, sock: socket.socket | None
) -> Classification:
    return classifier.classify(
        uploads,
        top_k=query.top_k,
        timeout_s=query.timeout_s,
        model=query.model,
        version=query.version,
        client_fd=None if sock is None else sock.fileno(),
    )


def _failure(classified: Classification) -> OpsinError | None:
    """Find the error that the whole request has: the first, where no image has an answer."""
    errors = [answer for answer in classified.answers if isinstance(answer, OpsinError)]
    return errors[0] if len(errors) == len(classified.answers) else None


def _answer(uploads: list[Upload], classified: Classification) -> Response:
    failed = _failure(classified)
    if failed and len(uploads) == 1:
        return error_response(failed)
    document: dict[str, Any] = {"error": body_of(failed)} if failed else {}
    document["model"], document["version"] = classified.model.name, classified.model.version
    document["predictions"] = [
        _prediction(upload, answer) for upload, answer in zip(uploads, classified.answers, strict=True)
    ]
    return JSONResponse(document, status_of(failed), headers_of(failed)) if failed else JSONResponse(document)


def _prediction(upload: Upload, answer: Answer) -> dict[str, Any]:
    named = {"filename": upload.filename} if upload.filename else {}
    if isinstance(answer, OpsinError):
        return {**named, "error": body_of(answer)}
    top_k = [{"label": ranked.label, "probability": ranked.probability} for ranked in answer]
    return {**named, **top_k[0], "top_k": top_k}


def _wants_page(asked: Request) -> bool:
    """Tell a browser's plain form, which prefers HTML, from a program, which takes JSON or anything."""
    if "text/" not in asked.environ.get("HTTP_ACCEPT", "").lower():
        return False  # as most programs; no need to weigh what they do accept
    accepted = asked.accept_mimetypes
    return accepted.quality("text/html") > accepted.quality("application/json")
