"""What the gRPC worker is given to serve; without gRPC, which the master that loads this module must not import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.admin import Admin
from server.api.gatekeeper import Gatekeeper
from server.engine.client import EngineClient
from server.metrics import Metrics
from server.open_inference.service import OpenInference

if TYPE_CHECKING:
    from server.tracing.call_traces import CallTraces


@dataclass(frozen=True, slots=True)
class GRPCApplication:
    """What answers, in one process.

    Attributes:
        service: the protocol's calls.
        engine: of this process.
        metrics: of this process.
        keeper: knows who may ask; None: everybody.
        admin: loads and unloads models.
        traces: of calls; None where none are wanted.
    """

    service: OpenInference
    engine: EngineClient
    metrics: Metrics
    keeper: Gatekeeper | None
    admin: Admin
    traces: CallTraces | None = None
