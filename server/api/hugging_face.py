"""Image classification as Hugging Face's clients ask it: a picture in, labels and scores out.

https://huggingface.co/docs/inference-providers/tasks/image-classification
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flask import Blueprint, request
from werkzeug.http import parse_options_header

from models.errors import OpsinError
from models.store.fields import NAME
from server.answers import predict
from server.api.base64_text import decode_base64
from server.api.errors import JSONDocument
from server.api.exchange import Exchange, version_headers
from server.api.probabilities import probabilities_of
from server.classify import Classifier, Upload
from server.json_document import parse_object
from server.metrics import Metrics
from server.request_errors import RequestError
from server.request_log import WSGIApplication
from server.settings import Settings

DEFAULT_TOP_K = 5
PARAMETERS = ("top_k", "function_to_apply")
JSON_TYPE = "application/json"


# Paths of requests that are answered past Flask's routing, and the rules that they count as.
CLASSIFY = {
    "/image-classification": re.compile("/image-classification"),
    "/image-classification/<name>": re.compile(f"/image-classification/(?P<name>{NAME})"),
}


def hugging_face_routes(answer: Callable[..., WSGIApplication]) -> Blueprint:
    """Make the routes, which answer as told."""
    routes = Blueprint("hugging_face", __name__, url_prefix="/image-classification")

    @routes.post("")
    @routes.post("/<name>")
    def classify(name: str | None = None) -> WSGIApplication:
        return answer(request.environ, name)

    return routes


def scores_answer(classifier: Classifier, settings: Settings, metrics: Metrics) -> Callable[..., WSGIApplication]:
    """Make what answers a request, with a model's name."""

    def answer(environ: dict[str, Any], name: str | None = None) -> WSGIApplication:
        exchange = Exchange(environ, settings, metrics)
        try:
            media_type, _ = parse_options_header(environ.get("CONTENT_TYPE"))
            upload, top_k = read_question(exchange.read_plain_body(), media_type.lower())
            output = classifier.run(
                [upload],
                timeout_s=exchange.timeout_s(),
                model=name,
                session=exchange.session,
                client_fd=exchange.client_fd,
                stages=exchange.stages,
            )
            exchange.note_served(output.model)
            with exchange.encoding():
                prediction = predict(probabilities_of(output)[0], output.model, top_k=top_k)
                document = JSONDocument([{"label": each.label, "score": each.probability} for each in prediction.top_k])
                document.headers |= version_headers(output.model)
                return document
        except OpsinError as error:
            exchange.note_error(error)
            raise

    return answer


def read_question(body: bytes | bytearray, media_type: str) -> tuple[Upload, int]:
    """Read a picture and how many labels are wanted: the picture itself, or base64 in JSON where there are parameters.

    Raises:
        RequestError: the JSON is not as Hugging Face has it; says what is wrong, and what is allowed.
    """
    if media_type != JSON_TYPE:
        return Upload(bytes(body)), DEFAULT_TOP_K
    document = parse_object(body, instead="the picture itself")
    parameters: Any = document.get("parameters", {})
    if document.keys() - {"inputs", "parameters"} or not isinstance(document.get("inputs"), str):
        raise RequestError('the JSON must be {"inputs": "<base64>", "parameters": {...}}')
    if not isinstance(parameters, dict) or parameters.keys() - set(PARAMETERS):
        raise RequestError(f"the parameters may be {' and '.join(PARAMETERS)}")
    if parameters.get("function_to_apply", "softmax") != "softmax":
        raise RequestError("function_to_apply must be softmax, which the model has applied")
    top_k = parameters.get("top_k", DEFAULT_TOP_K)
    if not isinstance(top_k, int) or isinstance(top_k, bool) or top_k < 1:
        raise RequestError("top_k must be a whole number, at least 1")
    return Upload(decode_base64(document["inputs"], "inputs")), top_k
