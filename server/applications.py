"""Makes what a worker serves, in its process: the application of HTTP, or that of gRPC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from models.runtime.cores import available_cores
from models.store.repository import Repository
from server.admin import Admin, AdminToken
from server.api.app import FlaskApp, create_app
from server.api.gatekeeper import make_gatekeeper
from server.api.shared_counts import SharedCounts
from server.back_end import BackEnd
from server.classify import Classifier
from server.decoding.decoder import Decoder
from server.decoding.task_channel import TaskChannel
from server.devices import DeviceChoice
from server.engine.client import EngineClient
from server.engine.light_models import LightModels
from server.grpc.application import GRPCApplication
from server.http.application import Application, TraceRefusal
from server.metrics import OTHER, Metrics
from server.open_inference.service import OpenInference
from server.prediction_counts import PredictionCounts
from server.put_off import PutOff
from server.run_to_completion import RunToCompletion
from server.settings import Settings
from server.turn import Turn

if TYPE_CHECKING:
    from server.tracing.call_traces import CallTraces
    from server.tracing.export import TraceExport


@dataclass(frozen=True, slots=True)
class Belongings:
    """What a worker has of its own, and shares with the others: the settings, and counts of what clients ask."""

    settings: Settings
    engine: EngineClient
    decoder: Decoder
    metrics: Metrics
    predictions: PredictionCounts
    client_counts: SharedCounts
    put_off: PutOff
    turn: Turn
    to_completion: RunToCompletion | None
    is_stopping: Callable[[], bool]


def make_grpc(own: Belongings, *, trace_export: TraceExport | None) -> GRPCApplication:
    """Make what answers calls of gRPC.

    Args:
        own: of this worker.
        trace_export: sends traces; None where none are wanted.
    """
    classifier = Classifier(own.engine, decoder=own.decoder, metrics=own.metrics, note_answer=own.predictions.note)
    service = OpenInference(classifier, own.engine, own.settings, own.metrics, own.is_stopping)
    keeper = make_gatekeeper(own.settings, own.client_counts, own.metrics.note_rate_limit_fallback)
    traces = _trace_calls(trace_export, own.metrics) if trace_export is not None else None
    return GRPCApplication(
        service, own.engine, own.metrics, keeper, Admin(own.engine, AdminToken(own.settings)), traces
    )


def make_http(
    own: Belongings,
    *,
    channels: Sequence[TaskChannel],
    choice: DeviceChoice,
    trace_export: TraceExport | None,
) -> Application:
    """Make what responds to HTTP.

    Args:
        own: of this worker.
        channels: of the decoders of all workers, for `/metrics`.
        choice: the devices that the engines run on.
        trace_export: sends traces; None where none are wanted.
    """
    app = create_app(
        own.settings,
        engine=own.engine,
        decoder=own.decoder,
        channels=channels,
        is_stopping=own.is_stopping,
        choice=choice,
        metrics=own.metrics,
        predictions=own.predictions,
        counts=own.client_counts,
        to_completion=own.to_completion,
    )

    def note_refusal(path: str, method: str, status: int) -> None:
        own.metrics.note_request(app.route_of(path) or OTHER, method, status, 0.0)

    trace_refusal = _trace_requests(app, trace_export, own.metrics) if trace_export is not None else None
    return Application(
        app,
        own.engine.wait_s_if_full,
        app.front_response,
        note_refusal,
        app.body_refusal,
        trace_refusal,
        app.may_wait,
        own.put_off,
        own.turn,
        bool if own.to_completion is None else own.to_completion.is_likely,
    )


def make_light_models(
    settings: Settings, choice: DeviceChoice, back_end: BackEnd, partition: int, engine: EngineClient
) -> LightModels | None:
    """Make what an HTTP worker runs by itself, and start to follow the catalogue; None where the engine runs all.

    With fewer workers than cores, some of these would have nothing to do.
    """
    num_cores, is_on_cpu = available_cores(), [device.gpu for device in choice.devices] == [None]
    if not settings.run_to_completion or not is_on_cpu or settings.workers < num_cores:
        return None
    models = LightModels(
        Repository(settings.repository),
        back_end.slot_table,
        back_end.worker_runs,
        partition,
        num_cores=num_cores,
        catalogue=partial(getattr, engine, "catalogue"),
    )
    models.start()
    return models


def _trace_calls(trace_export: TraceExport, metrics: Metrics) -> CallTraces:
    """Make what traces calls of gRPC."""
    from server.tracing.call_traces import CallTraces

    tracer = trace_export.start(metrics.note_spans)
    return CallTraces(tracer, believes_traceparent=trace_export.settings.believes_traceparent)


def _trace_requests(app: FlaskApp, trace_export: TraceExport, metrics: Metrics) -> TraceRefusal:
    """Have the application's requests traced, and give what traces those that it never sees."""
    from server.tracing.request_traces import RequestTraces

    tracer = trace_export.start(metrics.note_spans)
    traces = RequestTraces(
        tracer, route_of=app.route_of, believes_traceparent=trace_export.settings.believes_traceparent
    )
    app.wsgi_app = traces.wrap(app.wsgi_app)  # type: ignore[assignment, method-assign]
    return traces.trace_refusal
