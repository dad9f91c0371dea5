"""Fixtures: an app around a real engine whose model is the mean colour of the picture, so every answer is known."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from models.preprocessing import PixelSpec
from server.app import create_app
from server.engine import ServedModel
from server.engine.local import LocalEngine
from server.settings import Settings

MODEL = ServedModel("colours", 3, ("red", "green", "blue"), PixelSpec(8, 8))
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


class MeanColour:
    """A runtime with an exact answer: the share of each colour. Fails where the picture is all grey 13."""

    def __init__(self):
        self.num_closed = 0
        self.may_run = threading.Event()
        self.may_run.set()

    def run(self, pixels):
        assert self.may_run.wait(10)
        if (pixels == 13).all():
            raise RuntimeError("unlucky")
        weights = pixels.mean(axis=(1, 2), dtype=np.float64) + 1
        return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)

    def close(self):
        self.num_closed += 1


@pytest.fixture
def model():
    return MODEL


@pytest.fixture
def runtime():
    return MeanColour()


@pytest.fixture
def engine(runtime):
    engine = LocalEngine(MODEL, [runtime], max_queue=4)
    yield engine
    runtime.may_run.set()
    engine.close()


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
