"""GET /healthz and /readyz: what an orchestrator asks."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, jsonify

from server.devices import DeviceChoice
from server.engine import Engine, EngineNotReady
from server.errors import error_response


def operations_routes(engine: Engine, is_stopping: Callable[[], bool], choice: DeviceChoice | None = None) -> Blueprint:
    """Make the routes."""
    routes = Blueprint("operations", __name__)

    @routes.get("/healthz")
    def healthz() -> Response:
        """Whether the process answers at all; a failure means: restart it."""
        return jsonify(status="ok")

    @routes.get("/readyz")
    def readyz() -> Response:
        """Whether to send requests here: the model is loaded and warm, and the server is not stopping."""
        if is_stopping():
            return error_response(EngineNotReady("the server is stopping"))
        if not engine.is_ready:
            return error_response(EngineNotReady("the model is still loading"))
        default = engine.models[0]
        return jsonify(
            status="ready",
            model=default.name,
            version=default.version,
            models=[{"name": model.name, "version": model.version} for model in engine.models],
            refused=[
                {"name": refused.name, "version": refused.version, "reason": refused.reason}
                for refused in engine.refused
            ],
            **({"devices": choice.names, "devices_reason": choice.reason} if choice else {}),
        )

    return routes
