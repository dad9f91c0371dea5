"""`python -m models predict` answers each file as the real server does: label, probability to the last digit, error."""

from __future__ import annotations

import json

import numpy as np
import pytest
from bad_images import ANSWERED, REFUSED
from pictures import encode, gradient, with_orientation
from PIL import Image
from running_server import ROOT, ZOO, RunningServer

from models.cli import main

pytestmark = pytest.mark.e2e

MODELS = ["cifar10", "imagenet"]
SLOW = "200 megapixels in one scan"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    daisy = Image.open(ROOT / "tests/data/daisy_2408024540.jpg")
    made = {
        "daisy.jpg": (ROOT / "tests/data/daisy_2408024540.jpg").read_bytes(),
        "cmyk.jpg": encode(daisy.convert("CMYK"), "JPEG"),
        "progressive.jpg": encode(daisy, "JPEG", progressive=True),
        "palette.gif": encode(daisy.convert("P"), "GIF"),
        "alpha.webp": encode(daisy.convert("RGBA"), "WEBP"),
        "sixteen.png": encode(Image.fromarray(np.asarray(daisy.convert("L")).astype(np.uint16) * 257), "PNG"),
        "photo.avif": encode(daisy.resize((160, 120)), "AVIF"),
        "photo.tiff": encode(daisy, "TIFF"),
        **{f"turned{turn}.jpg": encode(gradient(90, 120), "JPEG", exif=with_orientation(turn)) for turn in range(1, 9)},
        **{f"case{n:02}": case.make() for n, case in enumerate([*REFUSED, *ANSWERED]) if SLOW not in case.what},
    }
    for name, content in made.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def server():
    running = RunningServer(["-m", "server"], {"OPSIN_REPOSITORY": str(ZOO), "OPSIN_WORKERS": "1"})
    try:
        yield running.wait_until_ready()
    finally:
        running.end()


@pytest.mark.parametrize("model", MODELS)
def test_every_answer_is_that_of_the_server(server, photos, tmp_path, model):
    out = tmp_path / "answers.jsonl"
    options = ["--repository", str(ZOO), "--top-k", "3", "--coverage", "0.9"]
    assert main(["predict", model, str(photos), "--out", str(out), *options]) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) == len(list(photos.iterdir())) >= 45
    for row in rows:
        path = f"/predict?model={model}&top_k=3&coverage=0.9"
        content = (photos / row["file"]).read_bytes()
        status, answer = server.request("POST", path, content, {"Content-Type": "image/x"})
        if status != 200:
            assert {"code": row["error"], "message": row["message"]} == answer["error"], row["file"]
            continue
        [prediction] = answer["predictions"]
        top = [{"label": row[f"label_{k}"], "probability": row[f"probability_{k}"]} for k in (1, 2, 3)]
        assert (row["file"], top) == (row["file"], prediction["top_k"])
        assert row["unsure"] == prediction["unsure"]
        assert row["label_set"] == [each["label"] for each in prediction["label_set"]]
        assert (row["model"], row["version"]) == (answer["model"], answer["version"])
