"""GET /metrics: what Prometheus asks every few seconds."""

from __future__ import annotations

from flask import Blueprint, Response, request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

OPENMETRICS = "application/openmetrics-text"


def metrics_routes(registry: CollectorRegistry) -> Blueprint:
    """Make the route."""
    routes = Blueprint("metrics", __name__)

    @routes.get("/metrics")
    def metrics() -> Response:
        """The metrics of all processes as text, or as OpenMetrics for whoever accepts that."""
        accepted = request.headers.get("Accept", "")
        encode, content_type = choose_encoder(OPENMETRICS if OPENMETRICS in accepted else "text/plain")
        return Response(encode(registry), content_type=content_type)

    return routes
