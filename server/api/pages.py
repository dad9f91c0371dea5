"""GET /: the upload page, which also shows the results of its form where there is no JavaScript."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, make_response, render_template, url_for

from models.errors import OpsinError
from models.pixels.preprocessing import ACCEPTED_FORMATS
from models.store.calibration import NONE_LABEL
from server.answers import Answer
from server.api.errors import headers_of, message_of, status_of
from server.classify import Upload
from server.engine.client import EngineClient
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


@dataclass(frozen=True, slots=True)
class Pages:
    """Renders the page."""

    engine: EngineClient
    settings: Settings

    def index(self) -> Response:
        """Render the page as a visitor first sees it."""
        return self._render(results=[], error=None)

    def results(self, uploads: Sequence[Upload], answers: Sequence[Answer], failed: OpsinError | None) -> Response:
        """Render the page with one result per upload; the status is that of ``failed``, the first error of many."""
        results = []
        for upload, answer in zip(uploads, answers, strict=True):
            outcome = {"error": _sentence(answer)} if isinstance(answer, OpsinError) else {"prediction": answer}
            results.append({"name": upload.filename or "Picture", **outcome})
        return _with_status(self._render(results=results, error=None), failed)

    def refusal(self, error: OpsinError) -> Response:
        """Render the page with the reason why the request as a whole was refused."""
        return _with_status(self._render(results=[], error=_sentence(error)), error)

    def _render(self, **context: Any) -> Response:
        model = self.engine.catalogue.default_model
        page = render_template(
            "page.html",
            model=model,
            num_classes=len([label for label in model.labels if label != NONE_LABEL]) if model else 0,
            reject_label=NONE_LABEL,
            needs_key=self.settings.api_keys_file is not None,
            formats=ACCEPTED_FORMATS,
            max_upload_bytes=self.settings.max_upload_bytes,
            max_upload=_size(self.settings.max_upload_bytes),
            endpoint=shlex.quote(url_for("predict.predict", _external=True)),
            **context,
        )
        response = make_response(page)
        response.headers.update(SECURITY_HEADERS)
        return response


def page_routes(pages: Pages) -> Blueprint:
    """Make the route."""
    routes = Blueprint("pages", __name__)
    routes.get("/")(pages.index)
    return routes


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
