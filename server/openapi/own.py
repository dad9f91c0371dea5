"""Describes the server's own paths: /predict, health, metrics."""

from __future__ import annotations

from typing import Any

from server.explained import FORMATS
from server.openapi.parts import (
    BASE64,
    MAX_VERSION,
    MODEL,
    NUMBER,
    RED,
    SESSION,
    TEXT,
    VERSION,
    WHOLE,
    Schema,
    answer,
    array,
    in_path,
    obj,
    query,
    ref,
    refusals,
)
from server.similar import MAX_SIMILAR

# What a card has whatever the version (docs/cards.md).
CARD = ("labels", "data", "accuracy", "classes", "confusions", "reliability", "label_sets", "files", "steps", "made")
BOOLEAN: Schema = {"type": "boolean"}
FRACTION: Schema = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
LISTED = obj(
    {
        "name": TEXT,
        "version": {"type": "integer"},
        "is_served": BOOLEAN,
        "is_default": BOOLEAN,
        "state": TEXT,
        "url": TEXT,
        "error": {"type": ["string", "null"]},
    },
    {
        "num_classes": WHOLE,
        "accuracy": FRACTION,
        "accuracy_interval": {"type": ["array", "null"], "items": FRACTION, "minItems": 2, "maxItems": 2},
        "size_bytes": WHOLE,
    },
)
PICTURE_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp", "image/tiff", "image/avif")
PICTURE: Schema = {"type": "string", "format": "binary"}
# Of a request with pictures: what it may be refused with, whatever the way in.
REFUSALS = (400, 401, 404, 408, 413, 414, 415, 422, 429, 431, 500, 503, 504)


def own_paths(*, max_images: int) -> dict[str, Any]:
    """Describe them.

    Args:
        max_images: of a request.
    """
    return {
        "/predict": {"post": _predict(max_images)},
        "/models": {
            "get": {
                "summary": "All versions of the models that are served; HTML where that is preferred.",
                "tags": ["models"],
                "responses": {"200": answer("Versions, the default model's first.", ref("Models"))},
            }
        },
        "/models/{name}/{version}": {
            "get": {
                "summary": "The card of a version: what it is worth, class by class; HTML where that is preferred.",
                "tags": ["models"],
                "parameters": [MODEL, VERSION],
                "responses": {
                    "200": answer("What a person needs to decide about it.", ref("Card")),
                    **refusals((400, 404, 500), kind="Refusal"),
                },
            }
        },
        "/models/{name}/{version}/examples/{number}": {
            "get": {
                "summary": "A training picture of a card, where its licence allows that.",
                "tags": ["models"],
                "parameters": [MODEL, VERSION, in_path("number", "Of the picture, as the card has it.", WHOLE)],
                "responses": {
                    "200": answer("The picture.", {"type": "string", "format": "binary"}, "image/webp"),
                    **refusals((400, 404, 500), kind="Refusal"),
                },
            }
        },
        "/healthz": {"get": _told("The process lives.", obj({"status": {"const": "ok"}}))},
        "/readyz": {
            "get": {
                **_told("Models are loaded and warm, and nothing stops.", ref("Ready")),
                "responses": {"200": answer("It is ready.", ref("Ready")), **refusals((503,), kind="Refusal")},
            }
        },
        "/metrics": {
            "get": {
                "summary": "Metrics for Prometheus.",
                "tags": ["operations"],
                "responses": {"200": answer("Text, or OpenMetrics where that is accepted.", TEXT, "text/plain")},
            }
        },
    }


def own_schemas() -> dict[str, Any]:
    """Describe what they answer with."""
    label = obj({"label": TEXT, "probability": {**NUMBER, "minimum": 0, "maximum": 1}})
    prediction = obj(
        {**label["properties"], "top_k": array(label, minItems=1)},
        {
            "filename": TEXT,
            "unsure": BOOLEAN,
            "accepted": BOOLEAN,
            "label_set": array(label, minItems=1),
            "explanation": ref("Explanation"),
            "embedding": array(NUMBER, minItems=1),
            "similar": array(ref("SimilarPicture"), minItems=1),
        },
    )
    error = obj({"code": {**TEXT, "pattern": "^[a-z_]+$"}, "message": {**TEXT, "minLength": 1, "maxLength": 1003}})
    failed = obj({"error": error}, {"filename": TEXT})
    explanation = obj(
        {"label": TEXT, "logit": NUMBER, "bias": NUMBER, "map": array(array(NUMBER, minItems=1), minItems=1)},
        {
            "picture": obj({"width_px": WHOLE, "height_px": WHOLE}),
            "box": obj(dict.fromkeys(("left", "top", "right", "bottom"), NUMBER)),
            "heat_map": {**TEXT, "pattern": "^data:image/png;base64,"},
        },
    )
    served = {"model": TEXT, "version": {"type": "integer"}}
    predictions = array({"anyOf": [ref("Prediction"), ref("FailedImage")]}, minItems=1)
    return {
        "Error": error,
        "Failure": obj({"error": ref("Error")}, is_open=True),
        "TextFailure": obj({"error": TEXT}),
        "Prediction": prediction,
        "Explanation": explanation,
        "SimilarPicture": obj({"label": TEXT, "similarity": NUMBER, "source": TEXT, "thumbnail": TEXT}),
        "FailedImage": failed,
        "Predictions": obj({**served, "predictions": predictions}),
        "Models": obj({"models": array(LISTED)}),
        "Card": obj({**served, **{name: {} for name in CARD}}, is_open=True),
        "Ready": obj({"status": {"const": "ready"}, "models": array({"type": "object"})}, is_open=True),
    }


def _predict(max_images: int) -> dict[str, Any]:
    one = obj({"image": BASE64})
    several = obj({"images": array(BASE64, minItems=1, maxItems=max_images)})
    form = obj({"image": array(PICTURE, minItems=1, maxItems=max_images)})
    content: dict[str, Any] = {
        "multipart/form-data": {"schema": form},
        **{media_type: {"schema": PICTURE} for media_type in PICTURE_TYPES},
        "application/json": {
            "schema": {"oneOf": [one, several]},
            "examples": {"a red picture": {"value": {"image": RED}}},
        },
    }
    return {
        "summary": "Classify pictures: a form with files, one picture as it is, or base64 in JSON.",
        "tags": ["classification"],
        "parameters": [
            query("top_k", "Labels per image, best first.", {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}),
            query(
                "coverage",
                "Each answer also has the fewest labels that hold the right one so often.",
                {**NUMBER, "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            ),
            query("model", "A model that is served.", TEXT),
            query("version", "A version that is served.", {"type": "integer", "minimum": 1, "maximum": MAX_VERSION}),
            query(
                "explain",
                "Each answer also says why: where in the picture its label, or a class that is named, was seen.",
                TEXT,
            ),
            query(
                "explain_format",
                "With a heat map as a PNG, as numbers alone, or the whole answer a PNG of the picture with it.",
                {"enum": list(FORMATS)},
            ),
            query("embedding", "Each answer also has the features of the picture.", {"type": "boolean"}),
            query(
                "similar",
                "Each answer also has so many of the training pictures, those most like the picture to the network.",
                {"type": "integer", "minimum": 0, "maximum": MAX_SIMILAR},
            ),
            SESSION,
            query("timing", "The answer says in Server-Timing where the time went.", {"type": "boolean"}),
        ],
        "requestBody": {"required": True, "content": content},
        "responses": {
            "200": {
                "description": "An answer, or an error, for each picture; a PNG with explain_format=picture.",
                "content": {"application/json": {"schema": ref("Predictions")}, "image/png": {"schema": PICTURE}},
            },
            **refusals(REFUSALS, kind="Refusal"),
        },
    }


def _told(summary: str, schema: Schema) -> dict[str, Any]:
    return {"summary": summary, "tags": ["operations"], "responses": {"200": answer("It does.", schema)}}
