"""The JSON answer: Flask's response without the steps that a small, finished document does not need."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask import Response
from werkzeug.datastructures import Headers

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


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
