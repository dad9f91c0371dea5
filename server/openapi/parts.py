"""The parts that descriptions of several paths are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
BASE64: Schema = {"type": "string", "contentEncoding": "base64"}
MAX_VERSION = 2**63 - 1
# The smallest picture that says something: 8 x 8 pixels, red.
RED = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGP8z4AdMOEQH6QSAM1BAQ/oQeJvAAAAAElFTkSuQmCC"


def obj(
    required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None, *, is_open: bool = False
) -> Schema:
    """Describe an object by its fields; one that is open may have others."""
    schema: Schema = {"type": "object", "properties": {**required, **(optional or {})}}
    if required:
        schema["required"] = list(required)
    return schema if is_open else {**schema, "additionalProperties": False}


def array(items: Schema, **limits: int) -> Schema:
    """Describe a list."""
    return {"type": "array", "items": items, **limits}


def ref(name: str) -> Schema:
    """Point to a schema of the components."""
    return {"$ref": f"#/components/schemas/{name}"}


def answer(description: str, schema: Schema, media_type: str = "application/json") -> dict[str, Any]:
    """Describe an answer with a body."""
    return {"description": description, "content": {media_type: {"schema": schema}}}


def refusals(statuses: Iterable[int], *, kind: str) -> dict[str, Any]:
    """Describe errors; kind is the response of the components, Refusal or TextRefusal."""
    return {str(status): {"$ref": f"#/components/responses/{kind}"} for status in sorted(statuses)}


def query(name: str, description: str, schema: Schema) -> dict[str, Any]:
    """Describe a parameter of the query."""
    return {"name": name, "in": "query", "description": description, "schema": schema}


def in_path(name: str, description: str, schema: Schema = TEXT) -> dict[str, Any]:
    """Describe a part of the path."""
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


MODEL = in_path("name", "A model that is served.")
VERSION = in_path("version", "One of its versions.", {"type": "integer", "minimum": 1, "maximum": MAX_VERSION})
SESSION = {
    "name": "X-Session-Id",
    "in": "header",
    "description": "Keeps the client with one version where a canary runs, as the cookie session_id does.",
    "schema": TEXT,
}
