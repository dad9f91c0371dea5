"""What the gRPC worker is given to serve; without gRPC, which the master that loads this module must not import."""

from __future__ import annotations

from dataclasses import dataclass

from server.admin import Admin
from server.api.gatekeeper import Gatekeeper
from server.engine.client import EngineClient
from server.metrics import Metrics
from server.open_inference.service import OpenInference


@dataclass(frozen=True, slots=True)
class GRPCApplication:
    """What answers, in one process.

    Attributes:
        service: the protocol's calls.
        engine: of this process.
        metrics: of this process.
        keeper: knows who may ask; None: everybody.
        admin: loads and unloads models.
    """

    service: OpenInference
    engine: EngineClient
    metrics: Metrics
    keeper: Gatekeeper | None
    admin: Admin
