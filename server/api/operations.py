"""GET /healthz and /readyz: what an orchestrator asks."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, jsonify

from server.api.errors import error_response
from server.devices import DeviceChoice
from server.engine.client import EngineClient
from server.engine.errors import EngineNotReady


def operations_routes(
    engine: EngineClient, is_stopping: Callable[[], bool], choice: DeviceChoice | None = None
) -> Blueprint:
    """Make the routes."""
    routes = Blueprint("operations", __name__)

    @routes.get("/healthz")
    def healthz() -> Response:
        """Answer 200 while the process lives; an orchestrator restarts it otherwise."""
        return jsonify(status="ok")

    @routes.get("/readyz")
    def readyz() -> Response:
        """Answer 200 while requests should be sent here: the models are loaded and warm, and nothing stops."""
        if is_stopping():
            return error_response(EngineNotReady("the server is stopping"))
        if not engine.is_ready:
            return error_response(EngineNotReady("the model is still loading"))
        catalogue = engine.catalogue
        default, served = catalogue.default, catalogue.default_model
        return jsonify(
            status="ready",
            model=default.name if default else None,
            version=served.version if served else None,
            models=[
                {
                    "name": model.name,
                    "version": model.version,
                    "explainable": model.feature_shape is not None,
                    **choice.to_dict(),
                }
                for model, choice in zip(catalogue.models, catalogue.runtimes, strict=True)
            ],
            refused=[
                {"name": refused.name, "version": refused.version, "reason": refused.reason}
                for refused in catalogue.refused
            ],
            **({"devices": choice.names, "devices_reason": choice.reason} if choice else {}),
        )

    return routes
