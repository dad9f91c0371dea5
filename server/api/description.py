"""GET /openapi.json and /docs: what can be asked, for programs and for people."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, make_response, render_template, request

from server.api.errors import JSONResponse
from server.api.pages import SECURITY_HEADERS
from server.openapi.document import openapi_document
from server.settings import Settings


def description_routes(settings: Settings) -> Blueprint:
    """Make the routes."""
    routes = Blueprint("description", __name__)
    document = openapi_document(max_images=settings.max_images, needs_key=settings.api_keys_file is not None)

    @routes.get("/openapi.json")
    def openapi() -> Response:
        return JSONResponse(document)

    @routes.get("/docs")
    def docs() -> Response:
        page = render_template(
            "docs.html", tags=by_tag(document), needs_key="security" in document, host=request.host_url
        )
        response = make_response(page)
        response.headers.update(SECURITY_HEADERS)
        return response

    return routes


def by_tag(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Sort the operations of a description by their tags, in its order."""
    tags: dict[str, list[dict[str, Any]]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            body = operation.get("requestBody", {}).get("content", {})
            tags.setdefault(operation["tags"][0], []).append(
                {
                    "path": path,
                    "method": method.upper(),
                    "summary": operation["summary"],
                    "parameters": operation.get("parameters", []),
                    "body": list(body),
                    "example": _example(body),
                    "statuses": list(operation["responses"]),
                }
            )
    return tags


def _example(body: dict[str, Any]) -> Any:
    examples = body.get("application/json", {}).get("examples", {})
    return next((example["value"] for example in examples.values()), None)
