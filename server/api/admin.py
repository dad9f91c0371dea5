"""POST /v2/repository/models/M/load and /unload: what clients of Triton ask of its model control, with a token."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import Blueprint, Response, request

from server.admin import WAIT_S, Admin, presented_token
from server.api.client_address import client_address
from server.api.exchange import Exchange
from server.json_document import parse_object
from server.metrics import Metrics
from server.request_errors import RequestError
from server.settings import Settings

PARAMETERS = ("unload_dependents",)  # which Triton's client always sends; there are none


def admin_routes(admin: Admin, settings: Settings, metrics: Metrics) -> Blueprint:
    """Make the routes."""
    routes = Blueprint("admin", __name__, url_prefix="/v2/repository/models")

    def answer(ask: Callable[..., None], name: str) -> Response:
        environ = request.environ
        exchange = Exchange(environ, settings, metrics)
        token = presented_token(environ.get("HTTP_AUTHORIZATION", ""), environ.get("HTTP_X_ADMIN_TOKEN", ""))
        admin.token.check(token)
        check_body(exchange.read_plain_body())
        ask(
            name,
            token=token,
            by=client_address(environ, settings.trusted_proxies),
            timeout_s=exchange.timeout_s(WAIT_S),
        )
        return Response(status=200)

    @routes.post("/<name>/load")
    def load(name: str) -> Response:
        return answer(admin.load, name)

    @routes.post("/<name>/unload")
    def unload(name: str) -> Response:
        return answer(admin.unload, name)

    return routes


def check_body(body: bytes | bytearray) -> None:
    """Raise RequestError where a request brings more than a name."""
    document: dict[str, Any] = parse_object(body, instead="no body") if body else {}
    parameters = document.get("parameters", {})
    check_parameters(parameters if document.keys() <= {"parameters"} and isinstance(parameters, dict) else document)


def check_parameters(names: Iterable[str]) -> None:
    """Raise RequestError where a request has others: a configuration or files of its own, for instance."""
    if set(names) - set(PARAMETERS):
        raise RequestError(
            "the request must have a name alone: what is loaded is the version that the repository says is stable"
        )
