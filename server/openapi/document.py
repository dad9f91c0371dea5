"""Writes the whole description."""

from __future__ import annotations

from typing import Any

import server
from server.openapi.own import own_paths, own_schemas
from server.openapi.parts import answer, ref
from server.openapi.protocols import protocol_paths, protocol_schemas

VERSION = "3.1.0"
RETRY_AFTER = {"description": "With 429 and 503: in how many seconds to ask again.", "schema": {"type": "integer"}}


def openapi_document(*, max_images: int, needs_key: bool) -> dict[str, Any]:
    """Describe every path but those of the page.

    Args:
        max_images: of a request.
        needs_key: an API key is asked for.
    """
    document: dict[str, Any] = {
        "openapi": VERSION,
        "info": {
            "title": "Opsin",
            "version": server.__version__,
            "description": "Classifies pictures: files in, labels and probabilities out.",
        },
        "paths": {
            **own_paths(max_images=max_images),
            "/openapi.json": {
                "get": {
                    "summary": "This description.",
                    "tags": ["operations"],
                    "responses": {"200": answer("OpenAPI 3.1.", {"type": "object"})},
                }
            },
            **protocol_paths(max_images=max_images),
        },
        "components": {
            "schemas": {**own_schemas(), **protocol_schemas()},
            "responses": {
                "Refusal": {
                    **answer("What was wrong, or in the way.", ref("Failure")),
                    "headers": {"Retry-After": RETRY_AFTER},
                },
                "TextRefusal": {
                    **answer("What was wrong, or in the way.", ref("TextFailure")),
                    "headers": {"Retry-After": RETRY_AFTER},
                },
            },
        },
    }
    if needs_key:
        document["components"]["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
        document["security"] = [{"bearer": []}, {"header": []}]
    return document
