"""GET /healthz and /readyz."""

from __future__ import annotations

import pytest
from engines import LITERT, MODEL

from models.store.reference import ModelReference
from server.api.app import create_app
from server.devices import Device, DeviceChoice
from server.engine.catalogue import Catalogue, RefusedModel
from server.engine.shared_catalogue import write_catalogue


def test_health_and_readiness_of_a_loaded_model(client):
    assert client.get("/healthz").json == {"status": "ok"}
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json == {
        "status": "ready",
        "model": "colours",
        "version": 3,
        "models": [{"name": "colours", "version": 3, "explainable": False, **LITERT.to_dict()}],
        "refused": [],
    }


def test_readiness_tells_the_devices_and_why(settings, engine):
    choice = DeviceChoice((Device("0"), Device("1")), "OPSIN_DEVICE is gpu")
    response = create_app(settings, engine=engine, choice=choice).test_client().get("/readyz")
    assert response.json["devices"] == ["gpu 0", "gpu 1"]
    assert response.json["devices_reason"] == "OPSIN_DEVICE is gpu"


def test_readiness_names_a_default_that_is_not_served(client, running):
    refused = (RefusedModel("birds", 2, "it is broken"),)
    write_catalogue(running.table, 0, Catalogue((MODEL,), refused, ModelReference("birds"), (LITERT,)))
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json == {
        "status": "ready",
        "model": "birds",
        "version": None,
        "models": [{"name": "colours", "version": 3, "explainable": False, **LITERT.to_dict()}],
        "refused": [{"name": "birds", "version": 2, "reason": "it is broken"}],
    }


def test_closed_engine_is_alive_but_not_ready(client, engine):
    engine.close()
    assert client.get("/healthz").status_code == 200
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json["error"]["code"] == "not_ready"


def test_stopping_server_is_not_ready(settings, engine):
    client = create_app(settings, engine=engine, is_stopping=lambda: True).test_client()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json == {"error": {"code": "not_ready", "message": "the server is stopping"}}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/"])
def test_head_and_options_are_answered(client, path):
    head = client.head(path)
    assert (head.status_code, head.data) == (200, b"")
    options = client.options(path)
    assert (options.status_code, options.data) == (200, b"")
    assert "GET" in options.headers["Allow"]
