"""POST /predict: images in, labels and probabilities out, as JSON or, for a plain form in a browser, as a page."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import zip_longest
from typing import Any, TypeVar

from flask import Blueprint, Request, Response, request

from models.answers import Ranked
from models.errors import OpsinError
from server.api.errors import JSONDocument, JSONResponse, body_of, error_response, headers_of, status_of
from server.api.exchange import Exchange, version_headers
from server.api.explanations import NOTHING_MORE, ExplanationQuery, parse_explanation, picture_document
from server.api.pages import Pages
from server.api.server_timing import HEADER as TIMING_HEADER
from server.api.uploads import parse_uploads
from server.api.wants_page import wants_page
from server.classify import Classification, Classifier, Upload
from server.fraction import fraction
from server.metrics import Metrics
from server.request_errors import RequestError
from server.request_log import WSGIApplication
from server.settings import Settings
from server.similar import SimilarExamples
from server.whole_number import whole_number

PARAMETERS = ("top_k", "coverage", "model", "version", "explain", "explain_format", "embedding", "similar", "timing")
DEFAULT_TOP_K = 5
MAX_KEPT_CHARACTERS = 256

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters of a request, from its URL."""

    top_k: int = DEFAULT_TOP_K
    coverage: float | None = None
    model: str | None = None
    version: int | None = None
    explanation: ExplanationQuery = NOTHING_MORE
    timing: bool = False


def predict_answer(
    classifier: Classifier, pages: Pages, settings: Settings, metrics: Metrics
) -> Callable[[dict[str, Any]], WSGIApplication]:
    """Make what answers a request; where `wants_page`, it takes Flask's contexts."""
    examples = SimilarExamples(settings.repository)

    def answer(environ: dict[str, Any]) -> WSGIApplication:
        exchange = Exchange(environ, settings, metrics)
        response = respond(environ, exchange)
        if exchange.is_timed:
            response.headers[TIMING_HEADER] = exchange.server_timing()
        return response

    def respond(environ: dict[str, Any], exchange: Exchange) -> Response | JSONDocument:
        try:
            query = parse_query(environ)
            if query.timing:
                exchange.begin_timing()
            timeout_s, began = exchange.timeout_s(), time.monotonic()
            content_type = environ.get("CONTENT_TYPE")
            uploads = parse_uploads(exchange.read_plain_body(), content_type, max_images=settings.max_images)
            query.explanation.check_number(len(uploads))
            classification = classifier.classify(
                uploads,
                top_k=query.top_k,
                coverage=query.coverage,
                timeout_s=timeout_s,
                model=query.model,
                version=query.version,
                wanted=query.explanation.wanted,
                session=exchange.session,
                client_fd=exchange.client_fd,
                stages=exchange.stages,
            )
            if query.explanation.is_picture and classification.explained[0] is not None:
                exchange.note_served(classification.model)
                with exchange.encoding():
                    left_s = began + timeout_s - time.monotonic()
                    return explained_picture(classifier, uploads[0], classification, timeout_s=left_s)
        except OpsinError as error:
            exchange.note_error(error)
            return pages.refusal(error) if wants_page(environ) else error_response(error)
        exchange.note_served(classification.model)
        with exchange.encoding():
            if wants_page(environ):
                return pages.results(uploads, classification, failed=_failure(classification))
            return _json_response(uploads, classification, query.explanation, examples)

    return answer


def explained_picture(
    classifier: Classifier, upload: Upload, classification: Classification, *, timeout_s: float
) -> Response:
    """Answer with the picture, and over it what speaks for the class."""
    [reason] = classification.explained
    assert reason is not None  # noqa: S101 - the caller has looked
    decode = partial(classifier.decode, upload, timeout_s=timeout_s)
    png = picture_document(reason, classification.model, decode)
    return Response(png, headers=version_headers(classification.model), mimetype="image/png")


def predict_routes(answer: Callable[[dict[str, Any]], WSGIApplication]) -> Blueprint:
    """Make the route."""
    routes = Blueprint("predict", __name__)

    @routes.post("/predict")
    def predict() -> WSGIApplication:
        return answer(request.environ)

    return routes


def parse_query(environ: dict[str, Any]) -> Query:
    """Check the query.

    A parameter that is not known is refused rather than ignored: ``topk=3`` would otherwise be answered as if nothing
    had been asked, and a client written for a newer server would not learn that this one is older.

    Raises:
        RequestError: names the parameter, what it got and what is allowed.
    """
    text: str = environ.get("QUERY_STRING", "")
    if not text:
        return Query()
    return _kept_query(text) if len(text) <= MAX_KEPT_CHARACTERS else read_query(text)


def read_query(text: str) -> Query:
    """Read and check a query that is not empty; raises as `parse_query`."""
    values = Request({"QUERY_STRING": text}, populate_request=False).args
    for name in values:
        if name not in PARAMETERS:
            raise RequestError(f"the query may have the parameters {', '.join(PARAMETERS)}, got {name[:40]!r}")
    coverage, version = values.get("coverage"), values.get("version")
    return Query(
        top_k=_positive("top_k", values.get("top_k", str(DEFAULT_TOP_K)), 2**31 - 1),
        coverage=None if coverage is None else _parsed("coverage", coverage, fraction),
        model=values.get("model"),
        version=None if version is None else _positive("version", version, 2**63 - 1),
        explanation=parse_explanation(values),
        timing=_parsed("timing", values.get("timing", "false"), _is_true),
    )


# Clients ask the same again and again; to read it anew takes a fiftieth of an answer of a small model.
_kept_query = lru_cache(maxsize=256)(read_query)


def _is_true(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("true or false")
    return text == "true"


def _positive(name: str, text: str, high: int) -> int:
    return _parsed(name, text, lambda text: whole_number(text, 1, high))


def _parsed(name: str, text: str, parse: Callable[[str], T]) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise RequestError(f"{name} must be {error}, got {text[:40]!r}") from None


def _failure(classification: Classification) -> OpsinError | None:
    """Find the error that the whole request has: the first, where no image has an answer."""
    errors = [answer for answer in classification.answers if isinstance(answer, OpsinError)]
    return errors[0] if len(errors) == len(classification.answers) else None


def _json_response(
    uploads: list[Upload], classification: Classification, wanted: ExplanationQuery, examples: SimilarExamples
) -> Response | JSONDocument:
    failure = _failure(classification)
    if failure and len(uploads) == 1:
        return error_response(failure)
    predictions = []
    for upload, answer, reason in zip_longest(uploads, classification.answers, classification.explained):
        prediction: dict[str, Any] = {"filename": upload.filename} if upload.filename else {}
        if isinstance(answer, OpsinError):
            prediction["error"] = body_of(answer)
        else:
            top_k = _listed(answer.top_k)
            prediction |= top_k[0]
            if answer.is_unsure is not None:
                prediction["unsure"] = answer.is_unsure
            if answer.is_accepted is not None:
                prediction["accepted"] = answer.is_accepted
            prediction["top_k"] = top_k
            if answer.label_set is not None:
                prediction["label_set"] = _listed(answer.label_set)
            if reason is not None:
                prediction |= wanted.fields(reason, classification.model, examples)
        predictions.append(prediction)
    served = {"model": classification.model.name, "version": classification.model.version}
    document = {**served, "predictions": predictions}
    if failure:
        return JSONResponse({"error": body_of(failure), **document}, status_of(failure), headers_of(failure))
    return JSONDocument(document)


def _listed(labels: Sequence[Ranked]) -> list[dict[str, Any]]:
    return [{"label": ranked.label, "probability": ranked.probability} for ranked in labels]
