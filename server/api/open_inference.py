"""The Open Inference Protocol, version 2, over HTTP, as clients of Triton, KServe and MLServer speak it: /v2."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Request, Response, request

import server
from models.errors import ModelNotFound, OpsinError, VersionNotFound
from server.api.content_encoding import accepted_coding, pack, unpack
from server.api.errors import JSONResponse
from server.api.exchange import Exchange
from server.api.probabilities import probabilities_of, version_of
from server.classify import Classifier, Output
from server.engine.catalogue import ServedModel, find_model
from server.engine.client import EngineClient
from server.engine.errors import EngineNotReady
from server.http.limits import UploadBudget
from server.metrics import Metrics
from server.open_inference.documents import model_config, model_metadata, repository_index, server_metadata
from server.open_inference.images import check_pixels, images_of
from server.open_inference.request import InferenceRequest, read_request
from server.open_inference.response import InferenceResponse, output_of, write_response
from server.open_inference.statistics import statistics
from server.request_errors import Overloaded, RequestError
from server.settings import Settings

HEADER_LENGTH = "Inference-Header-Content-Length"
MIN_PACKED_BYTES = 1024  # of a response; a smaller one is not worth it
MAX_INDEX_BYTES = 1024  # of what is asked of the index


def open_inference_routes(
    classifier: Classifier, engine: EngineClient, settings: Settings, metrics: Metrics, is_stopping: Callable[[], bool]
) -> Blueprint:
    """Make the routes."""
    routes = Blueprint("open_inference", __name__, url_prefix="/v2")
    add_inference(routes, classifier, settings, metrics)

    def find(name: str, version: str | None) -> ServedModel:
        return find_named(engine, name, version)

    @routes.get("")
    def server_metadata_() -> Response:
        return JSONResponse(server_metadata(server.__version__))

    @routes.get("/health/live")
    def live() -> Response:
        return JSONResponse({"live": True})

    @routes.get("/health/ready")
    def ready() -> Response:
        is_ready = engine.is_ready and not is_stopping()
        return JSONResponse({"live": True, "ready": is_ready}, 200 if is_ready else 503)

    @routes.get("/models/<name>")
    @routes.get("/models/<name>/versions/<version>")
    def metadata(name: str, version: str | None = None) -> Response:
        return JSONResponse(model_metadata(find(name, version), engine.catalogue))

    @routes.get("/models/<name>/ready")
    @routes.get("/models/<name>/versions/<version>/ready")
    def model_ready(name: str, version: str | None = None) -> Response:
        if is_stopping() or not engine.is_ready:
            raise EngineNotReady("the server is stopping" if is_stopping() else "the model is still loading")
        return JSONResponse({"name": find(name, version).name, "ready": True})

    @routes.get("/models/<name>/config")
    @routes.get("/models/<name>/versions/<version>/config")
    def config(name: str, version: str | None = None) -> Response:
        delay_ms = settings.max_queue_delay_ms or 0
        return JSONResponse(
            model_config(find(name, version), max_images=settings.max_images, max_queue_delay_ms=delay_ms)
        )

    @routes.get("/models/stats")
    def statistics_of_all() -> Response:
        return JSONResponse(statistics(metrics.registry.collect(), engine.catalogue.models))

    @routes.get("/models/<name>/stats")
    @routes.get("/models/<name>/versions/<version>/stats")
    def statistics_of(name: str, version: str | None = None) -> Response:
        found = find(name, version)
        models = [found] if version else [model for model in engine.catalogue.models if model.name == name]
        return JSONResponse(statistics(metrics.registry.collect(), models))

    @routes.post("/repository/index")
    def index() -> Response:
        return JSONResponse(repository_index(engine.catalogue, is_ready_only=_is_ready_only(_current())))

    return routes


def add_inference(routes: Blueprint, classifier: Classifier, settings: Settings, metrics: Metrics) -> None:
    """Add the routes that classify."""
    unpacked = UploadBudget(settings.max_uploads_in_hand_bytes)

    @routes.post("/models/<name>/infer")
    @routes.post("/models/<name>/versions/<version>/infer")
    def infer(name: str, version: str | None = None) -> Response:
        current = _current()
        exchange = Exchange(current, settings, metrics)
        body = exchange.read_body()
        num_unpacked = 0
        try:
            if coding := exchange.content_encoding:
                if not unpacked.take(settings.max_upload_bytes):
                    raise Overloaded("too many uploads are on their way, try again later", wait_s=1)
                num_unpacked = settings.max_upload_bytes
                body = unpack(body, coding, max_bytes=settings.max_upload_bytes)
            wanted = read_request(body, current.environ.get("HTTP_INFERENCE_HEADER_CONTENT_LENGTH"))
            output = _run(wanted, name, version, exchange)
            with exchange.encoding():
                answer = write_response(wanted, output_of(wanted), output.model, probabilities_of(output))
                return _response(answer, current.environ.get("HTTP_ACCEPT_ENCODING", ""))
        except OpsinError as error:
            exchange.note_error(error)
            raise
        finally:
            unpacked.give_back(num_unpacked)

    def _run(wanted: InferenceRequest, name: str, version: str | None, exchange: Exchange) -> Output:
        output_of(wanted)  # before anything is decoded
        images = images_of(wanted, max_images=settings.max_images)
        timeout_s = exchange.timeout_s()
        try:
            output = classifier.run(
                images,
                timeout_s=timeout_s if wanted.timeout_s is None else min(timeout_s, wanted.timeout_s),
                model=name,
                version=version_of(version),
                check=lambda model: check_pixels(images, model),
                client_fd=exchange.client_fd,
                stages=exchange.stages,
            )
        except (ModelNotFound, VersionNotFound) as error:
            raise unknown_model(error) from None
        exchange.note_served(output.model)
        return output


def find_named(engine: EngineClient, name: str, version: str | None) -> ServedModel:
    """Find a version that is served.

    Raises:
        ModelNotFound: in the words that clients of Triton look for.
        EngineNotReady: nothing is loaded yet.
    """
    catalogue = engine.catalogue
    if not catalogue.models:
        raise EngineNotReady("the model is still loading, try again soon")
    try:
        return find_model(catalogue, name, version_of(version))
    except (ModelNotFound, VersionNotFound) as error:
        raise unknown_model(error) from None


def unknown_model(error: OpsinError) -> ModelNotFound:
    """Say it as Triton does."""
    return ModelNotFound(f"Request for unknown model: {error}")


def _is_ready_only(current: Request) -> bool:
    if (current.content_length or 0) > MAX_INDEX_BYTES:
        raise RequestError('the body must be empty or {"ready": true}')
    document = current.get_json(force=True, silent=True) if current.get_data() else {}
    if not isinstance(document, dict) or not isinstance(is_ready := document.get("ready", False), bool):
        raise RequestError('the body must be empty or {"ready": true}')
    return is_ready


def _response(answer: InferenceResponse, accept_encoding: str) -> Response:
    """Send an answer as its client can read it; the length of its JSON is that before it is packed."""
    headers = {"Content-Type": "application/json"}
    if answer.num_json_bytes is not None:
        headers = {"Content-Type": "application/octet-stream", HEADER_LENGTH: str(answer.num_json_bytes)}
    body, coding = answer.body, accepted_coding(accept_encoding)
    if coding and len(body) >= MIN_PACKED_BYTES:
        body = pack(body, coding)
        headers["Content-Encoding"] = coding
    return Response([body], 200, {**headers, "Content-Length": str(len(body)), "Vary": "Accept-Encoding"})


def _current() -> Request:
    return request._get_current_object()  # type: ignore[attr-defined, no-any-return]
