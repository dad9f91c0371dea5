"""Fixtures: what answers calls, around a real engine whose model is the mean colour of the picture."""

from __future__ import annotations

import asyncio

import pytest

from server.classify import Classifier
from server.grpc.calls import Doorway
from server.grpc.inference import Inference
from server.grpc.uploads import Uploads
from server.metrics import Metrics
from server.open_inference.service import OpenInference


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def is_stopping():
    return asyncio.Event()


@pytest.fixture
def service(engine, settings, metrics, is_stopping):
    return OpenInference(Classifier(engine, metrics=metrics), engine, settings, metrics, is_stopping.is_set)


@pytest.fixture
def doorway(metrics):
    return Doorway(None, metrics)


@pytest.fixture
def uploads():
    return Uploads(max_in_hand_bytes=200_000, max_own_bytes=2**40, read_timeout_s=20)


@pytest.fixture
def inference(service, engine, settings, metrics, uploads):
    inference = Inference(service, engine, settings, metrics, uploads)
    yield inference
    inference.close()
