"""GET /metrics of a server in one process: what is counted, under which labels, and that clients cannot add any."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from engines import MODEL, RunningEngine, later, serving, wait_until
from prometheus_client import values
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse
from tried_runtimes import trial

import server
from models.runtime_choice.choice import choose
from models.runtime_choice.record import Trial
from server.api.app import create_app
from server.devices import Device, DeviceChoice
from server.engine.catalogue import RefusedModel
from server.engine.shared_catalogue import write_catalogue
from server.metrics import Metrics

REPO = Path(__file__).resolve().parents[2]
PREDICT = {"route": "/predict", "method": "POST"}
COLOURS = {"model": "colours", "version": "3"}


def samples_of(client):
    return [sample for family in parse(client.get("/metrics").text) for sample in family.samples]


def value_of(client, name, **labels):
    (value,) = [each.value for each in samples_of(client) if each.name == name and each.labels == labels]
    return value


def labels_of(client, name):
    return [each.labels for each in samples_of(client) if each.name == name and each.value]


def test_answers_are_counted_and_timed_by_route(client, encode):
    for body, status in [(encode(), 200), (encode(), 200), (b"hello", 415), (b"", 400)]:
        assert client.post("/predict", data=body).status_code == status
    assert value_of(client, "opsin_http_requests_total", **PREDICT, status="200") == 2
    assert value_of(client, "opsin_http_requests_total", **PREDICT, status="415") == 1
    assert value_of(client, "opsin_http_requests_total", **PREDICT, status="400") == 1
    assert value_of(client, "opsin_http_request_duration_seconds_count", route="/predict") == 4


def test_counts_of_predict_begin_at_0(client):
    for status in ("200", "413", "500", "503", "504"):
        assert value_of(client, "opsin_http_requests_total", **PREDICT, status=status) == 0


def test_images_are_counted_by_model_and_outcome(client, encode):
    contents = [encode("red"), b"hello", encode((13, 13, 13))]
    form = {"image": [(io.BytesIO(content), f"{number}.png") for number, content in enumerate(contents)]}
    assert client.post("/predict", data=form).status_code == 200
    assert client.post("/predict", data=encode("blue")).status_code == 200
    assert value_of(client, "opsin_images_total", **COLOURS, outcome="ok") == 2
    assert value_of(client, "opsin_images_total", **COLOURS, outcome="unsupported_image") == 1
    assert value_of(client, "opsin_images_total", **COLOURS, outcome="engine_failed") == 1
    assert value_of(client, "opsin_stage_duration_seconds_count", stage="decode") == 4


def test_images_of_a_request_that_fails_count_with_its_error(client, encode, runtime):
    runtime.may_run.clear()
    assert client.post("/predict", data=encode(), headers={"X-Request-Timeout-Ms": "50"}).status_code == 504
    runtime.may_run.set()
    assert client.post("/predict?model=nothing", data=encode()).status_code == 404
    assert value_of(client, "opsin_images_total", **COLOURS, outcome="deadline_exceeded") == 1
    assert value_of(client, "opsin_images_total", model="", version="", outcome="model_not_found") == 1


def test_no_label_is_made_of_what_clients_send(client, encode):
    for path in ("/secret-1", "/predict/secret-2", "/static/secret-3", "/%0asecret-4"):
        client.get(path)
    client.open("/predict", method="SECRET-5")
    client.get("/secret", headers={"Host": "b\\d"})
    client.open("/secret-6", method="SECRET-7")
    client.post("/predict?model=secret-8", data=encode())
    client.post("/predict?version=8888888888888888", data=encode())
    client.post("/predict", data=encode(), headers={"X-Request-Id": "secret-9", "Accept": "secret/*"})
    text = client.get("/metrics").text
    assert "secret" not in text.lower()
    assert "8888888888888888" not in text  # longer than a time of the page can be
    routes = {labels["route"] for labels in labels_of(client, "opsin_http_requests_total")}
    assert routes == {"/predict", "/static/<path:filename>", "/metrics", "other"}
    methods = {labels["method"] for labels in labels_of(client, "opsin_http_requests_total")}
    assert methods == {"GET", "POST", "other"}


def test_state_is_that_of_the_engines(settings, engine, running):
    write_catalogue(running.table, 0, serving(MODEL, refused=(RefusedModel("colours", 4, "why"),) * 2))
    running.table.num_restarts[0] = 2
    choice = DeviceChoice((Device("0"),), "OPSIN_DEVICE is auto and a GPU is visible")
    client = create_app(settings, engine=engine, choice=choice).test_client()
    first = {"engine": "0", "device": "gpu 0"}
    assert value_of(client, "opsin_engine_up", **first) == 1
    assert value_of(client, "opsin_engine_restarts_total", **first) == 2
    assert value_of(client, "opsin_slots") == value_of(client, "opsin_slots_free") == 4
    assert value_of(client, "opsin_model_loaded", **COLOURS, **first) == 1
    assert value_of(client, "opsin_model_refused", model="colours", version="4", **first) == 1
    assert labels_of(client, "opsin_device_info") == [
        {**first, "asked": "auto", "runtime": "tensorflow", "reason": "OPSIN_DEVICE is auto and a GPU is visible"}
    ]
    running.table.is_ready[0] = 0
    assert value_of(client, "opsin_engine_up", **first) == 0


def test_runtimes_are_those_of_the_versions_with_what_was_measured(client, running):
    tried = trial(2.0, lone_ms=(8.0, 4.0), images_per_s=(200.0, 400.0))
    write_catalogue(running.table, 0, replace(serving(MODEL), runtimes=(choose([tried]),)))
    where = {**COLOURS, "engine": "0", "device": ""}
    [chosen] = labels_of(client, "opsin_runtime_info")
    reason = "it was 2.00 times as fast as litert and agrees with the golden answers"
    assert chosen == {**where, "runtime": "openvino", "reason": reason}
    assert value_of(client, "opsin_runtime_lone_seconds", **where, runtime="litert") == 0.008
    assert value_of(client, "opsin_runtime_lone_seconds", **where, runtime="openvino") == 0.004
    assert value_of(client, "opsin_runtime_images_per_second", **where, runtime="openvino") == 400
    assert value_of(client, "opsin_runtime_agrees", **where, runtime="openvino") == 1
    crashed = Trial("openvino", fault="it ended the process that tried it (SIGSEGV)")
    write_catalogue(running.table, 0, replace(serving(MODEL), runtimes=(choose([crashed]),)))
    assert value_of(client, "opsin_runtime_agrees", **where, runtime="openvino") == 0
    assert labels_of(client, "opsin_runtime_lone_seconds") == []


def test_slots_and_queue_are_those_of_the_moment(client, engine, running, runtime):
    nowhere = {"engine": "0", "device": ""}
    runtime.may_run.clear()
    with engine.reserve(MODEL, 3, deadline=later()) as slots:
        assert value_of(client, "opsin_slots_in_use", **nowhere) == 3
        assert value_of(client, "opsin_slots_free") == 1
        slots[0].submit()
        wait_until(lambda: running.table.attempted[slots[0].number])
        slots[1].submit()
        assert value_of(client, "opsin_queue_images", **nowhere) == 1
        runtime.may_run.set()
        slots[1].result()
    assert value_of(client, "opsin_slots_in_use", **nowhere) == 0
    assert value_of(client, "opsin_queue_images", **nowhere) == 0


def test_batches_are_noted_by_stage(settings, engine):
    metrics = Metrics()
    client = create_app(settings, engine=engine, metrics=metrics).test_client()
    metrics.note_batch([0.002, 0.003, 0.02], 0.5, 0.005)
    assert value_of(client, "opsin_stage_duration_seconds_count", stage="queue") == 3
    assert value_of(client, "opsin_stage_duration_seconds_bucket", stage="queue", le="0.0005") == 2
    assert value_of(client, "opsin_stage_duration_seconds_sum", stage="queue") == pytest.approx(0.015)
    assert value_of(client, "opsin_stage_duration_seconds_sum", stage="batch_wait") == pytest.approx(0.01)
    assert value_of(client, "opsin_stage_duration_seconds_sum", stage="inference") == 0.5
    assert value_of(client, "opsin_batch_size_sum") == 3
    assert value_of(client, "opsin_batch_size_count") == 1


def test_runners_tell_of_each_batch(runtime):
    noted = []
    running = RunningEngine(
        runtime, note_batch=lambda waits_s, duration_s, _held_s, _model: noted.append((len(waits_s), duration_s))
    )
    with running.client.reserve(MODEL, 1, deadline=later()) as (slot,):
        slot.submit()
        slot.result()
    running.close()
    ((num_images, duration_s),) = noted
    assert num_images == 1
    assert duration_s > 0


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/plain;version=nonsense", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text;version=1.0.0;q=0.5",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
    ],
)
def test_format_is_the_one_that_is_accepted(client, accept, content_type):
    response = client.get("/metrics", headers={"Accept": accept})
    assert (response.status_code, response.headers["Content-Type"]) == (200, content_type)
    families = list((parse_openmetrics if "openmetrics" in content_type else parse)(response.text))
    assert "opsin_engine_up" in {family.name for family in families}


def test_a_value_that_cannot_be_kept_fails_no_request(settings, engine, encode, monkeypatch):
    client = create_app(settings, engine=engine).test_client()

    class FullDisk:
        def __init__(self, *_arguments, **_options):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(values, "ValueClass", FullDisk)
    assert client.post("/predict", data=encode()).status_code == 200
    assert client.get("/nothing").status_code == 404
    assert client.get("/metrics").status_code == 200


def test_apps_do_not_share_counts(settings, engine, encode):
    first, second = (create_app(settings, engine=engine).test_client() for _ in range(2))
    first.post("/predict", data=encode())
    assert value_of(first, "opsin_http_requests_total", **PREDICT, status="200") == 1
    assert value_of(second, "opsin_http_requests_total", **PREDICT, status="200") == 0


def test_version_is_that_of_the_project(client):
    (labels,) = labels_of(client, "opsin_build_info")
    assert labels["version"] == server.__version__
    assert f'version = "{server.__version__}"' in (REPO / "pyproject.toml").read_text()


def test_documented_metrics_are_those_that_there_are(client):
    documented = dict(re.findall(r"^\| `(opsin_\w+)` \| (\w+) \|", (REPO / "docs/operations.md").read_text(), re.M))
    exposed = dict(re.findall(r"^# TYPE (\w+) (\w+)$", client.get("/metrics").text, re.M))
    assert {name: kind for name, kind in exposed.items() if not name.endswith("_created")} == documented
