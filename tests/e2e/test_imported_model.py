"""What was imported is served beside other models."""

from __future__ import annotations

import io
import shutil

import numpy as np
import pytest
from foreign_files import dark_or_bright
from PIL import Image
from running_server import ZOO, RunningServer

from models.cli import main

pytestmark = pytest.mark.e2e


def test_an_imported_model_answers_beside_a_shipped_one(tmp_path):
    shutil.copytree(ZOO / "cifar10", tmp_path / "repository" / "cifar10")
    (tmp_path / "labels.txt").write_text("dark\nbright\n")
    file = dark_or_bright(tmp_path / "light.tflite")
    asked = ["--labels", str(tmp_path / "labels.txt"), "--range", "0..1", "--fit", "stretch"]
    assert main(["import", "light", str(file), *asked, "--repository", str(tmp_path / "repository")]) == 0
    photo = io.BytesIO()
    Image.fromarray(np.full((40, 60, 3), 140, np.uint8)).save(photo, "PNG")
    running = RunningServer(["-m", "server"], {"OPSIN_REPOSITORY": str(tmp_path / "repository"), "OPSIN_WORKERS": "1"})
    try:
        running.wait_until_ready()
        for path, model in (("/predict?model=light", "light"), ("/predict", "cifar10")):
            status, answer = running.request("POST", path, photo.getvalue(), {"Content-Type": "image/png"})
            assert (status, answer["model"], answer["version"] > 0) == (200, model, True)
            if model == "light":
                assert answer["predictions"][0]["label"] == "bright"
                assert answer["predictions"][0]["probability"] == pytest.approx(0.9999, abs=1e-3)
    finally:
        running.end()
