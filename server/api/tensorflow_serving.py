"""TensorFlow Serving's REST API: /v1."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from models.errors import ModelNotFound, OpsinError
from models.store.fields import NAME
from server.api.errors import JSONDocument, JSONResponse
from server.api.exchange import Exchange, version_headers
from server.api.probabilities import probabilities_of, version_of
from server.classify import Classifier
from server.engine.catalogue import ServedModel, choose_version
from server.engine.client import EngineClient
from server.engine.errors import EngineNotReady
from server.engine.traffic_split import CANARY, STABLE
from server.metrics import Metrics
from server.open_inference.images import check_pixels
from server.request_log import WSGIApplication
from server.settings import Settings
from server.tensorflow_serving import model_metadata, model_status, read_predict

# Paths of requests that are answered past Flask's routing, and the rules that they count as.
PREDICT = {
    f"/v1/models/<segment:name>{rule}:predict": re.compile(f"/v1/models/(?P<name>{NAME}){pattern}:predict")
    for rule, pattern in (
        ("", ""),
        ("/versions/<segment:version>", "/versions/(?P<version>[0-9]+)"),
        ("/labels/<segment:label>", "/labels/(?P<label>[a-z]+)"),
    )
}


def tensorflow_serving_routes(engine: EngineClient, answer: Callable[..., WSGIApplication]) -> Blueprint:
    """Make the routes; those that classify answer as told."""
    routes = Blueprint("tensorflow_serving", __name__, url_prefix="/v1/models")

    def find(name: str, version: str | None, label: str | None) -> ServedModel:
        catalogue = engine.catalogue
        if catalogue.default is None:
            raise EngineNotReady("the model is still loading, try again soon")
        return choose_version(catalogue, name, version_of(version), label=label_of(label) or STABLE)

    @routes.get("/<segment:name>")
    @routes.get("/<segment:name>/versions/<segment:version>")
    @routes.get("/<segment:name>/labels/<segment:label>")
    def status(name: str, version: str | None = None, label: str | None = None) -> Response:
        found = find(name, version, label)
        served = [model for model in engine.catalogue.models if model.name == name]
        return JSONResponse(model_status([found] if version or label else served))

    @routes.get("/<segment:name>/metadata")
    @routes.get("/<segment:name>/versions/<segment:version>/metadata")
    @routes.get("/<segment:name>/labels/<segment:label>/metadata")
    def metadata(name: str, version: str | None = None, label: str | None = None) -> Response:
        return JSONResponse(model_metadata(find(name, version, label)))

    @routes.post("/<segment:name>:predict")
    @routes.post("/<segment:name>/versions/<segment:version>:predict")
    @routes.post("/<segment:name>/labels/<segment:label>:predict")
    def predict(name: str, version: str | None = None, label: str | None = None) -> WSGIApplication:
        return answer(request.environ, name, version, label)

    return routes


def rows_answer(classifier: Classifier, settings: Settings, metrics: Metrics) -> Callable[..., WSGIApplication]:
    """Make what answers a request that classifies, with a model's name and a version or its label."""

    def answer(
        environ: dict[str, Any], name: str, version: str | None = None, label: str | None = None
    ) -> WSGIApplication:
        exchange = Exchange(environ, settings, metrics)
        try:
            answer, images = read_predict(exchange.read_plain_body(), max_images=settings.max_images)
            output = classifier.run(
                images,
                timeout_s=exchange.timeout_s(),
                model=name,
                version=version_of(version),
                label=label_of(label),
                check=lambda model: check_pixels(images, model),
                session=exchange.session,
                client_fd=exchange.client_fd,
                stages=exchange.stages,
            )
            exchange.note_served(output.model)
            with exchange.encoding():
                document = JSONDocument({answer: probabilities_of(output).tolist()})
                document.headers |= version_headers(output.model)
                return document
        except OpsinError as error:
            exchange.note_error(error)
            raise

    return answer


def label_of(label: str | None) -> str | None:
    """Return the label of a version, unchanged; ModelNotFound for one that no version ever has."""
    if label not in (None, STABLE, CANARY):
        raise ModelNotFound(f"versions may have the labels {STABLE} and {CANARY}, got {label[:40]!r}")
    return label
