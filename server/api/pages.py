"""GET /: the upload page, which also shows the results of its form where there is no JavaScript."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request, url_for

from models.errors import ModelNotFound, OpsinError
from models.pixels.preprocessing import ACCEPTED_FORMATS
from models.store.calibration import NONE_LABEL
from models.store.reference import ModelReference
from server.api.errors import headers_of, message_of, status_of
from server.api.gate import IS_KNOWN
from server.api.words import language_for, read_words
from server.classify import Classification, Upload
from server.engine.catalogue import ServedModel, find_model
from server.engine.client import EngineClient
from server.request_errors import RequestError
from server.settings import Settings

# All that the page needs comes from this server; blob: is the preview of a picture that the browser has already.
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
    "Vary": "Accept",
}
SCRIPTS = Path(__file__).parent / "static" / "page"
MAX_LISTED_CLASSES = 60  # on the page as it comes; of more, all are a click away
VARY = "Accept, Accept-Language, Authorization"
UNAUTHORIZED = 401
COVERAGES = ("0.8", "0.9", "0.95", "0.99")


@dataclass(frozen=True, slots=True)
class Choice:
    """What a visitor has chosen, by the URL.

    Attributes:
        model: that is asked; None where the default is not served.
        query: of POST /predict, for the same choice.
    """

    model: ServedModel | None
    query: Mapping[str, Any]


class Pages:
    """Renders the page."""

    def __init__(self, engine: EngineClient, settings: Settings) -> None:
        self._engine, self._settings = engine, settings
        self._words = read_words()
        self._scripts = sorted(script.name for script in SCRIPTS.glob("*.js"))

    def index(self) -> Response:
        """Render the page as a visitor first sees it."""
        try:
            return self._render(self._chosen())
        except OpsinError as error:
            return self.refusal(error)

    def results(self, uploads: list[Upload], classification: Classification, *, failed: OpsinError | None) -> Response:
        """Render the page with one result per upload; the status is that of ``failed``, the first error of many."""
        results = []
        for upload, answer in zip(uploads, classification.answers, strict=True):
            outcome = {"error": answer} if isinstance(answer, OpsinError) else {"prediction": answer}
            results.append({"name": upload.filename, **outcome})
        query = {name: request.args[name] for name in ("model", "version", "coverage") if name in request.args}
        return _with_status(self._render(Choice(classification.model, query), results=results), failed)

    def refusal(self, error: OpsinError) -> Response:
        """Render the page with the reason why the request as a whole was refused."""
        default = Choice(self._engine.catalogue.default_model, {})
        return _with_status(self._render(default, error=error), error)

    def not_let_in(self, error: RequestError) -> Response:
        """Render a page that asks for a key, or says what else is in the way of any address but the page's own."""
        page = self._template("not_let_in.html", error=error, takes_key=status_of(error) == UNAUTHORIZED)
        page.headers["Cache-Control"] = "no-store"
        return _with_status(page, error)

    def _chosen(self) -> Choice:
        catalogue, text = self._engine.catalogue, request.args.get("model", "")
        coverage = request.args.get("coverage", "")
        query = {"coverage": coverage} if coverage in COVERAGES else {}
        if not text:
            return Choice(catalogue.default_model, query)
        try:
            reference = ModelReference.parse(text)
        except ValueError:
            raise ModelNotFound(f"model {text[:100]!r} is not served here") from None
        model = find_model(catalogue, reference.name, reference.version)
        return Choice(model, {"model": model.name, "version": model.version, **query})

    def _render(self, choice: Choice, **context: Any) -> Response:
        catalogue, settings, model = self._engine.catalogue, self._settings, choice.model
        is_known = settings.api_keys_file is None or request.environ.get(IS_KNOWN, False)
        classes = [label for label in model.labels if label != NONE_LABEL] if model else []
        endpoint = url_for("predict.predict", _external=True, **choice.query)
        is_listed = len(classes) <= MAX_LISTED_CLASSES or "classes" in request.args
        return self._template(
            "page.html",
            scripts=self._scripts,
            model=model,
            models=catalogue.models,
            default_model=catalogue.default_model,
            query=choice.query,
            coverages=[text for text in COVERAGES if model and _can_promise(model, float(text))],
            num_classes=len(classes),
            classes=classes if is_listed and is_known else [],
            reject_label=NONE_LABEL,
            needs_key=settings.api_keys_file is not None,
            is_known=is_known,
            formats=ACCEPTED_FORMATS,
            max_upload_bytes=settings.max_upload_bytes,
            max_upload=_size(settings.max_upload_bytes),
            origin=request.host_url.rstrip("/"),
            endpoint=shlex.quote(endpoint),
            endpoint_literal=json.dumps(endpoint),
            **context,
        )

    def _template(self, name: str, **context: Any) -> Response:
        words = self._words[language_for(request.accept_languages)]
        response = make_response(render_template(name, t=words, sentence=_sentence, **context))
        response.headers.update({**SECURITY_HEADERS, "Vary": VARY})
        return response


def page_routes(pages: Pages) -> Blueprint:
    """Make the route."""
    routes = Blueprint("pages", __name__)
    routes.get("/")(pages.index)
    return routes


def _can_promise(model: ServedModel, coverage: float) -> bool:
    """Tell if a set of labels of that coverage is ever less than all labels (`Calibration.least_probability`)."""
    num_scores = len(model.calibration.scores) if model.calibration else 0
    return math.ceil((num_scores + 1) * coverage) <= num_scores


def _sentence(error: OpsinError) -> str:
    message = message_of(error)
    return f"{message[:1].upper()}{message[1:]}."


def _size(num_bytes: int) -> str:
    for unit, unit_bytes in (("MB", 1024**2), ("kB", 1024)):
        if num_bytes >= unit_bytes:
            return f"{num_bytes // unit_bytes}\N{NO-BREAK SPACE}{unit}"
    return f"{num_bytes}\N{NO-BREAK SPACE}bytes"


def _with_status(response: Response, error: OpsinError | None) -> Response:
    if error:
        response.status_code = status_of(error)
        response.headers.update(headers_of(error))
    return response
