"""Wires the Flask application: settings and an engine in, routes and error handlers out."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

from flask import Flask, Response, has_request_context, request, send_from_directory
from werkzeug.exceptions import NotFound
from werkzeug.routing import BaseConverter

from models.card.page import STATIC
from models.errors import OpsinError
from server.admin import Admin, AdminToken
from server.api.admin import admin_routes
from server.api.cards import CARD_FILES, card_routes
from server.api.cors import Cors, cors_headers
from server.api.description import description_routes
from server.api.errors import (
    ON_EVERY_RESPONSE,
    STATUS,
    error_response,
    failure_response,
    front_response,
    register_error_handlers,
)
from server.api.gate import Gate, refusal_as_json
from server.api.gatekeeper import make_gatekeeper
from server.api.hugging_face import CLASSIFY, hugging_face_routes, scores_answer
from server.api.metrics import metrics_routes
from server.api.open_inference import INFER, infer_answer, open_inference_routes
from server.api.operations import operations_routes
from server.api.pages import Pages, page_routes
from server.api.predict import predict_answer, predict_routes
from server.api.shared_counts import SharedCounts
from server.api.tensorflow_serving import PREDICT, rows_answer, tensorflow_serving_routes
from server.api.wants_page import wants_page
from server.classify import Classifier
from server.decoding.decoder import Decoder
from server.decoding.task_channel import TaskChannel
from server.devices import DeviceChoice
from server.engine.client import EngineClient
from server.http.limits import Headers, read_every_body
from server.metrics import OTHER, Metrics
from server.open_inference.service import OpenInference
from server.prediction_counts import PredictionCounts
from server.prediction_metrics import PredictionMetrics
from server.request_errors import RequestError
from server.request_log import WSGIApplication, with_request_id
from server.run_to_completion import RunToCompletion
from server.settings import Settings
from server.state_metrics import StateMetrics


class Segment(BaseConverter):
    """A part of a path that a verb may follow: /v1/models/M:predict (`server.api.tensorflow_serving`)."""

    regex = "[^/:]+"


class FlaskApp(Flask):
    """The Flask application, which can name the route of a path for metrics.

    Attributes:
        body_refusal: why the body of a request is not read, by its headers and the client's address.
        cors_origins: whose scripts may read answers.
        may_wait: whether any answer may have to wait, for Redis, and not those to uploads alone.
        at_once: what answers a program's POST to a path without Flask's contexts, hooks and routing, which would take a
            lone client a twentieth of its time (docs/performance.md).
        at_once_where: the same for paths with parts that vary, by the rule that they count as: their pattern, whose
            groups are arguments.
    """

    body_refusal: Callable[[Headers, str], OpsinError | None] = staticmethod(read_every_body)

    def __init__(self, *, cors_origins: tuple[str, ...] = ()) -> None:
        super().__init__("server.api")
        self.cors_origins, self.may_wait = cors_origins, False
        self.at_once: dict[str, Callable[[dict[str, Any]], WSGIApplication]] = {}
        self.at_once_where: dict[str, tuple[re.Pattern[str], Callable[..., WSGIApplication]]] = {}
        self.config["PROPAGATE_EXCEPTIONS"] = False  # an error is answered by our handlers, in tests and debug mode too
        self.json.sort_keys = False  # type: ignore[attr-defined]
        self.url_map.converters["segment"] = Segment
        self.url_map.merge_slashes = False  # a path with two is another path, of which there is none

    @cached_property
    def fixed_paths(self) -> frozenset[str]:
        """The paths without variable parts; to be read when all routes are there."""
        return frozenset(rule.rule for rule in self.url_map.iter_rules() if not rule.arguments)

    def wsgi_app(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Answer a request, by Flask unless there is a function for it."""
        answer = self._answer_at_once(environ["PATH_INFO"]) if environ["REQUEST_METHOD"] == "POST" else None
        if answer is None or wants_page(environ):
            return super().wsgi_app(environ, start_response)
        try:
            response = answer(environ)
        except OpsinError as error:
            response = error_response(error, environ["PATH_INFO"])
        except Exception as error:  # noqa: BLE001 - as Flask does it
            response = failure_response(error, environ)
        return response(environ, start_response)

    def _answer_at_once(self, path: str) -> Callable[[dict[str, Any]], WSGIApplication] | None:
        if (answer := self.at_once.get(path)) is not None:
            return answer
        for pattern, answer_where in self.at_once_where.values():
            if found := pattern.fullmatch(path):
                return partial(answer_where, **found.groupdict())
        return None

    def preprocess_request(self) -> Any:
        """Find nothing at //path, which routing takes for /path."""
        if request.environ["PATH_INFO"].startswith("//"):
            raise NotFound
        return super().preprocess_request()

    def send_static_file(self, filename: str) -> Response:
        """Send a file of its own name, and of no other that the file system would take for it (a//b, a/)."""
        if filename != posixpath.normpath(filename):
            raise NotFound
        if filename in CARD_FILES:  # which pages that are written without a server need, too
            return send_from_directory(STATIC, filename, max_age=self.get_send_file_max_age(filename))
        return super().send_static_file(filename)

    def front_response(self, error: OpsinError, path: str, origin: str) -> tuple[str, dict[str, str], bytes]:
        """Give the HTTP front what to say to a request of an origin, or of none, that it refuses by itself."""
        return front_response(error, path, cors_headers(origin, self.cors_origins))

    def route_of(self, path: str) -> str | None:
        """Name the rule of a path; one with variable parts has a name only while its request is answered."""
        if path in self.fixed_paths:
            return path
        rule = request.url_rule if has_request_context() else None
        if rule is not None:
            return rule.rule
        return next((name for name, (pattern, _) in self.at_once_where.items() if pattern.fullmatch(path)), None)


def create_app(
    settings: Settings,
    *,
    engine: EngineClient,
    decoder: Decoder | None = None,
    channels: Sequence[TaskChannel] = (),
    is_stopping: Callable[[], bool] = lambda: False,
    choice: DeviceChoice | None = None,
    metrics: Metrics | None = None,
    predictions: PredictionCounts | None = None,
    counts: SharedCounts | None = None,
    to_completion: RunToCompletion | None = None,
) -> FlaskApp:
    """Make the application.

    Args:
        settings: checked already.
        engine: stays the caller's to close.
        decoder: of this worker; one that decodes all by itself if None.
        channels: of the decoder processes of all workers, for `/metrics`.
        is_stopping: whether the process is on its way out; readiness then fails while requests in hand are finished.
        choice: the devices that the engine runs on, for `/readyz` and `/metrics`.
        metrics: of this process; its own where it is the only one.
        predictions: the answers of all workers; its own where it is the only one.
        counts: of what clients ask, which all processes share; its own where it is the only one.
        to_completion: runs light models in this process; None: the engine runs everything.
    """
    metrics = metrics or Metrics()
    predictions = predictions or PredictionCounts()
    decoder = decoder or Decoder(
        limits=settings.image_limits, note_decode=metrics.note_decode, note_queue=metrics.note_decode_queue
    )
    metrics.initialize("/predict", "POST", {200, 500, *STATUS.values()})
    metrics.registry.register(StateMetrics(engine, settings, choice, channels))
    metrics.registry.register(PredictionMetrics(engine, predictions))
    app, pages = FlaskApp(cors_origins=settings.cors_origins), Pages(engine, settings)
    put_in_front(app, settings, counts=counts or SharedCounts(), metrics=metrics, pages=pages)
    register_error_handlers(app)
    note_answer = partial(metrics.call, predictions.note)
    classifier = Classifier(
        engine, decoder=decoder, metrics=metrics, note_answer=note_answer, to_completion=to_completion
    )
    app.register_blueprint(page_routes(pages))
    app.at_once["/predict"] = predict_answer(classifier, pages, settings, metrics)
    app.register_blueprint(predict_routes(app.at_once["/predict"]))
    service = OpenInference(classifier, engine, settings, metrics, is_stopping)
    infer = infer_answer(service, settings, metrics)
    rows, scores = rows_answer(classifier, settings, metrics), scores_answer(classifier, settings, metrics)
    for answer, rules in ((infer, INFER), (rows, PREDICT), (scores, CLASSIFY)):
        app.at_once_where |= {rule: (pattern, answer) for rule, pattern in rules.items()}
    app.register_blueprint(open_inference_routes(service, infer))
    app.register_blueprint(admin_routes(Admin(engine, AdminToken(settings)), settings, metrics))
    app.register_blueprint(tensorflow_serving_routes(engine, rows))
    app.register_blueprint(hugging_face_routes(scores))
    app.register_blueprint(card_routes(engine, settings, metrics))
    app.register_blueprint(description_routes(settings))
    app.register_blueprint(operations_routes(engine, is_stopping, choice, metrics.registry))
    app.register_blueprint(metrics_routes(metrics.registry))
    return app


def put_in_front(app: FlaskApp, settings: Settings, *, counts: SharedCounts, metrics: Metrics, pages: Pages) -> None:
    """Put in front of the application what the settings want there: the gate, then CORS; and first of all ids."""

    def note(path: str, method: str, status: int, duration_s: float) -> None:
        metrics.note_request(app.route_of(path) or OTHER, method, status, duration_s)

    def refuse(refusal: RequestError, environ: dict[str, Any]) -> WSGIApplication:
        if not wants_page(environ):
            return refusal_as_json(refusal, environ)
        with app.request_context(environ):
            return pages.not_let_in(refusal)

    if keeper := make_gatekeeper(settings, counts, metrics.note_rate_limit_fallback):
        app.may_wait = settings.rate_limit_redis is not None
        app.body_refusal = keeper.body_refusal
        app.wsgi_app = Gate(app.wsgi_app, keeper, refuse=refuse)  # type: ignore[method-assign]
    if settings.cors_origins:
        app.wsgi_app = Cors(app.wsgi_app, settings.cors_origins)  # type: ignore[method-assign]
    app.wsgi_app = with_request_id(app.wsgi_app, headers=ON_EVERY_RESPONSE, note=note)  # type: ignore[assignment, method-assign]
