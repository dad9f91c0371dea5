"""Fixtures: an app around a real engine whose model is the mean colour of the picture, so every answer is known."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from clock import Clock
from engines import COLOURS, MODEL, MeanColour, RunningEngine
from leaks import nothing_is_left  # noqa: F401 - an autouse fixture
from PIL import Image

from server.api.app import create_app
from server.settings import Settings


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def model():
    return MODEL


@pytest.fixture
def runtime():
    return MeanColour()


@pytest.fixture
def running(runtime):
    running = RunningEngine(runtime, num_slots=4)
    yield running
    running.close()


@pytest.fixture
def engine(running):
    return running.client


@pytest.fixture
def settings():
    return Settings(max_images=4, max_upload_bytes=100_000, max_image_pixels=1_000_000)


@pytest.fixture
def app(settings, engine):
    return create_app(settings, engine=engine)


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def encode() -> Callable[..., bytes]:
    """Encode a picture of one colour: by name, or an RGB triple."""

    def encode(colour="red", image_format="PNG", size=(8, 8)):
        file = io.BytesIO()
        Image.new("RGB", size, COLOURS.get(colour, colour)).save(file, image_format)
        return file.getvalue()

    return encode
