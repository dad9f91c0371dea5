"""GET /healthz and /readyz: what an orchestrator asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify
from prometheus_client import CollectorRegistry

from server.api.errors import error_response
from server.devices import DeviceChoice
from server.engine.client import EngineClient
from server.engine.errors import EngineNotReady
from server.engine.traffic_split import TrafficSplit
from server.shadow_report import ShadowReports


def operations_routes(
    engine: EngineClient, is_stopping: Callable[[], bool], choice: DeviceChoice | None, registry: CollectorRegistry
) -> Blueprint:
    """Make the routes."""
    routes, reports = Blueprint("operations", __name__), ShadowReports(registry.collect)

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
            refused=[asdict(refused) for refused in catalogue.refused],
            **({"unloaded": [asdict(each) for each in catalogue.unloaded]} if catalogue.unloaded else {}),
            **({"canaries": told(catalogue.splits, reports)} if catalogue.splits else {}),
            **({"devices": choice.names, "devices_reason": choice.reason} if choice else {}),
        )

    return routes


def told(splits: Sequence[TrafficSplit], reports: ShadowReports) -> list[dict[str, Any]]:
    """Tell of canaries, and of shadows how they compare."""
    report = reports.latest() if any(split.is_shadow for split in splits) else {}
    return [{**split.told(), **report.get((split.name, split.candidate), {})} for split in splits]
