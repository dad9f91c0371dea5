"""The Open Inference Protocol, version 2, over HTTP, as clients of Triton, KServe and MLServer speak it: /v2."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Request, Response, request

from models.errors import OpsinError
from models.store.fields import NAME
from server.api.content_encoding import accepted_coding, pack, unpack
from server.api.errors import Content, JSONResponse
from server.api.exchange import Exchange
from server.api.probabilities import probabilities_of
from server.http.limits import UploadBudget
from server.metrics import Metrics
from server.open_inference.request import read_request
from server.open_inference.response import InferenceResponse, output_of, write_response
from server.open_inference.service import OpenInference
from server.request_errors import Overloaded, RequestError
from server.request_log import WSGIApplication
from server.settings import Settings

HEADER_LENGTH = "Inference-Header-Content-Length"
MIN_PACKED_BYTES = 1024  # of a response; a smaller one is not worth it
MAX_INDEX_BYTES = 1024  # of what is asked of the index


# Paths of requests that are answered past Flask's routing, and the rules that they count as.
INFER = {
    "/v2/models/<name>/infer": re.compile(f"/v2/models/(?P<name>{NAME})/infer"),
    "/v2/models/<name>/versions/<version>/infer": re.compile(
        f"/v2/models/(?P<name>{NAME})/versions/(?P<version>[0-9]+)/infer"
    ),
}


def open_inference_routes(service: OpenInference, answer: Callable[..., WSGIApplication]) -> Blueprint:
    """Make the routes; those that classify answer as told."""
    routes = Blueprint("open_inference", __name__, url_prefix="/v2")

    @routes.post("/models/<name>/infer")
    @routes.post("/models/<name>/versions/<version>/infer")
    def infer(name: str, version: str | None = None) -> WSGIApplication:
        return answer(request.environ, name, version)

    @routes.get("")
    def server_metadata() -> Response:
        return JSONResponse(service.server())

    @routes.get("/health/live")
    def live() -> Response:
        return JSONResponse({"live": True})

    @routes.get("/health/ready")
    def ready() -> Response:
        is_ready = service.is_ready
        return JSONResponse({"live": True, "ready": is_ready}, 200 if is_ready else 503)

    @routes.get("/models/<name>")
    @routes.get("/models/<name>/versions/<version>")
    def metadata(name: str, version: str | None = None) -> Response:
        return JSONResponse(service.metadata(name, version))

    @routes.get("/models/<name>/ready")
    @routes.get("/models/<name>/versions/<version>/ready")
    def model_ready(name: str, version: str | None = None) -> Response:
        return JSONResponse({"name": service.check_ready(name, version).name, "ready": True})

    @routes.get("/models/<name>/config")
    @routes.get("/models/<name>/versions/<version>/config")
    def config(name: str, version: str | None = None) -> Response:
        return JSONResponse(service.config(name, version))

    @routes.get("/models/stats")
    @routes.get("/models/<name>/stats")
    @routes.get("/models/<name>/versions/<version>/stats")
    def statistics(name: str | None = None, version: str | None = None) -> Response:
        return JSONResponse(service.statistics(name, version))

    @routes.post("/repository/index")
    def index() -> Response:
        return JSONResponse(service.index(is_ready_only=_is_ready_only(_current())))

    return routes


def infer_answer(service: OpenInference, settings: Settings, metrics: Metrics) -> Callable[..., WSGIApplication]:
    """Make what answers a request that classifies, with a model's name and a version."""
    unpacked = UploadBudget(settings.max_uploads_in_hand_bytes)

    def answer(environ: dict[str, Any], name: str, version: str | None = None) -> WSGIApplication:
        exchange = Exchange(environ, settings, metrics)
        body = exchange.read_body()
        num_unpacked = 0
        try:
            if coding := exchange.content_encoding:
                if not unpacked.take(settings.max_upload_bytes):
                    raise Overloaded("too many uploads are on their way, try again later", wait_s=1)
                num_unpacked = settings.max_upload_bytes
                body = unpack(body, coding, max_bytes=settings.max_upload_bytes)
            wanted = read_request(body, environ.get("HTTP_INFERENCE_HEADER_CONTENT_LENGTH"))
            output = service.run(
                wanted,
                name,
                version,
                timeout_s=exchange.timeout_s(),
                session=exchange.session,
                client_fd=exchange.client_fd,
                stages=exchange.stages,
            )
            exchange.note_served(output.model)
            with exchange.encoding():
                response = write_response(wanted, output_of(wanted), output.model, probabilities_of(output))
                return _packed(response, environ.get("HTTP_ACCEPT_ENCODING", ""))
        except OpsinError as error:
            exchange.note_error(error)
            raise
        finally:
            unpacked.give_back(num_unpacked)

    return answer


def _is_ready_only(current: Request) -> bool:
    if (current.content_length or 0) > MAX_INDEX_BYTES:
        raise RequestError('the body must be empty or {"ready": true}')
    document = current.get_json(force=True, silent=True) if current.get_data() else {}
    if not isinstance(document, dict) or not isinstance(is_ready := document.get("ready", False), bool):
        raise RequestError('the body must be empty or {"ready": true}')
    return is_ready


def _packed(response: InferenceResponse, accept_encoding: str) -> Content:
    """Send an answer as its client can read it; the length of its JSON is that before it is packed."""
    body, coding = response.body, accepted_coding(accept_encoding)
    headers = {"Vary": "Accept-Encoding"}
    if coding and len(body) >= MIN_PACKED_BYTES:
        body, headers["Content-Encoding"] = pack(body, coding), coding
    is_json = response.num_json_bytes is None
    if not is_json:
        headers[HEADER_LENGTH] = str(response.num_json_bytes)
    content = Content(body, "application/json" if is_json else "application/octet-stream")
    content.headers |= headers
    return content


def _current() -> Request:
    return request._get_current_object()  # type: ignore[attr-defined, no-any-return]
