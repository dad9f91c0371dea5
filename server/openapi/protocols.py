"""Describes the paths of protocols by others: /v2, /v1 and /image-classification (docs/protocols.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from server.open_inference.images import ENCODED, PIXELS
from server.open_inference.response import PROBABILITIES
from server.openapi.own import PICTURE, PICTURE_TYPES, REFUSALS
from server.openapi.parts import (
    BASE64,
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
    ref,
    refusals,
)

V2, V1, HF = "Open Inference Protocol", "TensorFlow Serving", "Hugging Face"
OPEN: Schema = {"type": "object"}


def protocol_paths(*, max_images: int) -> dict[str, Any]:
    """Describe them.

    Args:
        max_images: of a request.
    """
    return {**_open_inference(), **_model_control(), **_tensorflow_serving(max_images), **_hugging_face()}


def protocol_schemas() -> dict[str, Any]:
    """Describe what they send and answer."""
    encoded = obj(
        {"name": {"const": ENCODED}, "datatype": {"const": "BYTES"}, "shape": array(WHOLE), "data": array(BASE64)}
    )
    pixels = obj(
        {"name": {"const": PIXELS}, "datatype": {"const": "UINT8"}, "shape": array(WHOLE), "data": {"type": "array"}}
    )
    output = obj(
        {"name": {"const": PROBABILITIES}, "datatype": TEXT, "shape": array(WHOLE)},
        {"data": {"type": "array"}},
        is_open=True,
    )
    wanted = obj({"name": {"const": PROBABILITIES}}, {"parameters": OPEN}, is_open=True)
    return {
        "InferenceRequest": obj(
            {"inputs": array({"oneOf": [encoded, pixels]}, minItems=1, maxItems=1)},
            {"id": TEXT, "parameters": OPEN, "outputs": array(wanted, maxItems=1)},
            is_open=True,
        ),
        "InferenceResponse": obj({"model_name": TEXT, "model_version": TEXT, "outputs": array(output)}, {"id": TEXT}),
        "IndexEntry": obj({"name": TEXT, "version": TEXT, "state": TEXT, "reason": TEXT}),
        "Scores": array(obj({"label": TEXT, "score": NUMBER})),
        "EncodedImage": obj({"b64": BASE64}),
    }


def _open_inference() -> dict[str, Any]:
    def of_model(suffix: str, summary: str) -> dict[str, Any]:
        return {
            f"/v2/models/{{name}}{suffix}": {"get": _get(V2, summary, [MODEL])},
            f"/v2/models/{{name}}/versions/{{version}}{suffix}": {"get": _get(V2, summary, [MODEL, VERSION])},
        }

    body = {
        "required": True,
        "content": {
            "application/json": {"schema": ref("InferenceRequest"), "examples": {"a red picture": {"value": _red()}}},
            "application/octet-stream": {"schema": PICTURE},
        },
    }
    told = answer("The probabilities of each image.", ref("InferenceResponse"))
    return {
        "/v2": {"get": _get(V2, "What the server is.", [], refused=())},
        "/v2/health/live": {"get": _get(V2, "It lives.", [], refused=())},
        "/v2/health/ready": {
            "get": {
                **_get(V2, "It is ready, or 503.", []),
                "responses": {"200": answer("Ready.", OPEN), "503": answer("Not yet.", OPEN)},
            }
        },
        "/v2/models/stats": {"get": _get(V2, "What all versions have done.", [], refused=(401, 429))},
        **of_model("", "What a model takes and gives."),
        **of_model("/ready", "Whether it is ready."),
        **of_model("/config", "Its configuration."),
        **of_model("/stats", "What it has done."),
        "/v2/models/{name}/infer": {
            "post": _post(V2, "Classify encoded images or pixels.", [MODEL, SESSION], body, told)
        },
        "/v2/models/{name}/versions/{version}/infer": {
            "post": _post(V2, "Classify encoded images or pixels.", [MODEL, VERSION], body, told)
        },
        "/v2/repository/index": {
            "post": {
                **_post(
                    V2,
                    "The versions that are served, and those that cannot be.",
                    [],
                    {
                        "content": {
                            "application/json": {"schema": obj({}, {"ready": {"type": "boolean"}}, is_open=True)}
                        }
                    },
                    answer("One entry a version.", array(ref("IndexEntry"))),
                )
            }
        },
    }


def _model_control() -> dict[str, Any]:
    body = {"content": {"application/json": {"schema": obj({}, {"parameters": OPEN})}}}
    paths: dict[str, Any] = {}
    for action, summary in (("load", "Serve a model as the repository has it now."), ("unload", "Serve it no more.")):
        described = _post(V2, f"{summary} Takes the admin token.", [MODEL], body, {"description": "Done."})
        described["responses"] |= refusals((403,), kind="TextRefusal")
        paths[f"/v2/repository/models/{{name}}/{action}"] = {"post": described}
    return paths


def _tensorflow_serving(max_images: int) -> dict[str, Any]:
    encoded = {"anyOf": [ref("EncodedImage"), {"type": "array"}, OPEN]}
    rows = obj({"instances": array(encoded, minItems=1, maxItems=max_images)}, {"signature_name": TEXT})
    columns = obj({"inputs": {}}, {"signature_name": TEXT})
    body = {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"oneOf": [rows, columns]},
                "examples": {"a red picture": {"value": {"instances": [{"b64": RED}]}}},
            }
        },
    }
    probabilities = array(array(NUMBER))
    told = answer(
        "The probabilities of each image.",
        {"oneOf": [obj({"predictions": probabilities}), obj({"outputs": probabilities})]},
    )
    paths: dict[str, Any] = {}
    label = in_path("label", "stable, or canary where one runs.")
    for suffix, parameters in (
        ("", [MODEL]),
        ("/versions/{version}", [MODEL, VERSION]),
        ("/labels/{label}", [MODEL, label]),
    ):
        path = f"/v1/models/{{name}}{suffix}"
        paths[path] = {"get": _get(V1, "Which versions are served.", parameters)}
        paths[f"{path}/metadata"] = {"get": _get(V1, "The signature.", parameters)}
        asked = [*parameters, SESSION]
        paths[f"{path}:predict"] = {"post": _post(V1, "Classify encoded images or pixels.", asked, body, told)}
    return paths


def _hugging_face() -> dict[str, Any]:
    question = obj(
        {"inputs": BASE64},
        {
            "parameters": obj(
                {}, {"top_k": {"type": "integer", "minimum": 1}, "function_to_apply": {"const": "softmax"}}
            )
        },
    )
    body = {
        "required": True,
        "content": {
            **{media_type: {"schema": PICTURE} for media_type in PICTURE_TYPES},
            "application/json": {"schema": question, "examples": {"a red picture": {"value": {"inputs": RED}}}},
        },
    }
    told = answer("Labels, the likeliest first.", ref("Scores"))

    def post(parameters: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return {
            "post": {
                **_post(HF, "Classify a picture.", parameters, body, told),
                "responses": {"200": told, **refusals(REFUSALS, kind="Refusal")},
            }
        }

    return {"/image-classification": post([SESSION]), "/image-classification/{name}": post([MODEL, SESSION])}


def _get(
    tag: str, summary: str, parameters: Sequence[dict[str, Any]], refused: Sequence[int] = (400, 401, 404, 429, 503)
) -> dict[str, Any]:
    responses = {"200": answer(summary, OPEN), **refusals(refused, kind="TextRefusal")}
    return {"summary": summary, "tags": [tag], "parameters": list(parameters), "responses": responses}


def _post(
    tag: str, summary: str, parameters: Sequence[dict[str, Any]], body: dict[str, Any], told: dict[str, Any]
) -> dict[str, Any]:
    responses = {"200": told, **refusals(REFUSALS, kind="TextRefusal")}
    return {
        "summary": summary,
        "tags": [tag],
        "parameters": list(parameters),
        "requestBody": body,
        "responses": responses,
    }


def _red() -> dict[str, Any]:
    return {"inputs": [{"name": ENCODED, "datatype": "BYTES", "shape": [1], "data": [RED]}]}
