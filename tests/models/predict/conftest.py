"""A job with pictures of three colours, and a model that tells them apart."""

from __future__ import annotations

import numpy as np
import pytest
from colours import COLOURS, picture, publish_stub

from models.pixels.spec import ImageLimits
from models.predict import worker
from models.predict.pictures import open_pictures
from models.predict.rows import Rows
from models.predict.worker import Job


class ColourModel:
    """Gives the mean of each channel, as a share."""

    def run(self, images):
        means = images.mean(axis=(1, 2), dtype=np.float64)
        return (means / means.sum(axis=1, keepdims=True)).astype(np.float32)

    def close(self):
        pass


@pytest.fixture
def photos(tmp_path):
    """Folder with 30 pictures, of which every third is red, green or blue."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number:02}.png").write_bytes(picture(list(COLOURS.values())[number % 3]))
    return folder


@pytest.fixture
def artifact(tmp_path):
    return publish_stub(tmp_path / "published")


@pytest.fixture
def job(artifact, photos, monkeypatch):
    """What workers do, with the model of colours in the place of the runtime, also in the processes."""
    monkeypatch.setattr(worker, "load_runtime", lambda *_arguments, **_options: ColourModel())

    def make(**changes):
        fields = {"pictures": open_pictures(str(photos)), "rows": Rows(artifact.manifest, 1, None, "csv")}
        return Job(**{"artifact": artifact, "runtime": "litert", "limits": ImageLimits(), **fields, **changes})

    return make
