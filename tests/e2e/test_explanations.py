"""A photo is explained over HTTP, by the processes of a real server and the shipped models."""

from __future__ import annotations

import base64
import io
import os
import shutil
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from pictures import encode
from PIL import Image, ImageOps
from running_server import ROOT, ZOO, RunningServer, wait_until
from waiting import SOON_S

pytestmark = pytest.mark.e2e

DAISY = (ROOT / "tests" / "data" / "daisy_2408024540.jpg").read_bytes()
JPEG = {"Content-Type": "image/jpeg"}


@pytest.fixture(scope="module")
def server():
    running = RunningServer(["-m", "server"], {"OPSIN_MODEL": "flowers,cifar10", "OPSIN_WORKERS": "1"})
    try:
        yield running.wait_until_ready()
    finally:
        running.end()


def ask(server, query, photo=DAISY):
    status, document = server.request("POST", f"/predict?{query}", photo, JPEG)
    assert status == 200, document
    return document["predictions"][0]


def on_its_side(photo, orientation=6):
    """The same picture, stored turned, with EXIF that turns it back."""
    exif = Image.Exif()
    exif[274] = orientation
    file = io.BytesIO()
    stored = Image.open(io.BytesIO(photo)).transpose(Image.Transpose.ROTATE_90)
    stored.save(file, "JPEG", quality=98, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize(("model", "label", "shape"), [("flowers", "daisy", (7, 7)), ("cifar10", "bird", (8, 8))])
def test_map_makes_the_logits_that_the_probabilities_are_of(server, model, label, shape):
    plain = ask(server, f"model={model}&top_k=10")
    logits, log_probabilities = [], []
    for each in plain["top_k"]:
        explained = ask(server, f"model={model}&top_k=10&explain_format=numbers&explain={each['label']}")
        assert explained["top_k"] == plain["top_k"]
        explanation = explained["explanation"]
        assert np.shape(explanation["map"]) == shape
        assert explanation["logit"] == pytest.approx(np.mean(explanation["map"]) + explanation["bias"], abs=1e-4)
        logits.append(explanation["logit"])
        log_probabilities.append(np.log(each["probability"]))
    [slope, _] = np.polyfit(log_probabilities, logits, 1)
    assert 0.4 < slope < 1.1  # the temperature
    assert np.corrcoef(log_probabilities, logits)[0, 1] > 0.999
    assert label in [each["label"] for each in plain["top_k"]]


def test_heat_map_lies_over_the_picture_whatever_turns_it(server):
    width, height = Image.open(io.BytesIO(DAISY)).size
    maps = []
    for photo in (DAISY, on_its_side(DAISY)):
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(photo)))
        assert upright.size == (width, height)
        explanation = ask(server, "model=flowers&explain=true", photo)["explanation"]
        assert explanation["picture"] == {"width_px": width, "height_px": height}
        png = Image.open(io.BytesIO(base64.b64decode(explanation["heat_map"].partition(",")[2])))
        assert png.width / png.height == pytest.approx(width / height, rel=0.02)
        maps.append(np.array(explanation["map"]))
    assert np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1] > 0.95


def test_embedding_is_as_long_as_the_features_are_many(server):
    assert len(ask(server, "model=flowers&embedding=true")["embedding"]) == 1280
    assert len(ask(server, "model=cifar10&embedding=true")["embedding"]) == 128


def test_models_say_that_they_can_be_explained(server):
    assert [model["explainable"] for model in server.request("GET", "/readyz")[1]["models"]] == [True, True]


@pytest.fixture(scope="module")
def indexed(tmp_path_factory):
    """A server of the flowers, which has been published with a daisy and a tulip beside it."""
    folder = tmp_path_factory.mktemp("indexed")
    for label, photo in {"daisy": DAISY, "tulips": encode(Image.new("RGB", (80, 60), (200, 20, 60)), "PNG")}.items():
        (folder / "photos" / label).mkdir(parents=True)
        (folder / "photos" / label / "1.jpg").write_bytes(photo)
    shutil.copytree(ZOO / "flowers", folder / "models" / "flowers")
    options = [
        "--data",
        folder / "photos",
        "--licence",
        "CC-BY 2.0",
        "--may-be-shown",
        "--repository",
        folder / "models",
    ]
    subprocess.run([sys.executable, "-m", "models", "index", "flowers", *options], cwd=ROOT, check=True, timeout=SOON_S)
    running = RunningServer(["-m", "server"], {"OPSIN_REPOSITORY": str(folder / "models"), "OPSIN_WORKERS": "1"})
    try:
        yield running.wait_until_ready()
    finally:
        running.end()


def test_training_picture_most_like_a_photo_is_itself(indexed):
    first, second = ask(indexed, "similar=2")["similar"]
    assert (first["label"], first["source"], second["label"]) == ("daisy", "daisy/1.jpg", "tulips")
    assert first["similarity"] == pytest.approx(1, abs=0.001)
    assert second["similarity"] < 0.9
    thumbnail = Image.open(io.BytesIO(base64.b64decode(first["thumbnail"].partition(",")[2])))
    assert (thumbnail.format, max(thumbnail.size)) == ("WEBP", 96)


def test_model_without_training_pictures_shows_none(server):
    status, document = server.request("POST", "/predict?model=cifar10&similar=3", DAISY, JPEG)
    assert (status, document["error"]["code"]) == (400, "no_examples")


def test_engine_that_is_killed_costs_no_explanation(server):
    answers = []

    def ask_often():
        answers.extend(ask(server, "model=flowers&explain=true&explain_format=numbers") for _ in range(30))

    expected = ask(server, "model=flowers&explain=true&explain_format=numbers")
    thread = threading.Thread(target=ask_often)
    thread.start()
    wait_until(lambda: len(answers) > 0 or not thread.is_alive())
    [engine] = server.children("opsin: engine")
    os.kill(engine, signal.SIGKILL)
    thread.join()
    assert len(answers) == 30
    assert all(answer == expected for answer in answers)
