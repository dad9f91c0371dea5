from functools import partial

import numpy as np
from clock import Clock
from terminal import Terminal

from models.pixels.spec import PixelSpec
from training.data import encode_png
from training.dataset import Split
from training.evaluate import predict
from training.progress import Progress


class Slow:
    """Takes half a second a batch."""

    def __init__(self, clock):
        self.clock = clock

    def run(self, images):
        self.clock.now += 0.5
        return np.full((len(images), 2), 0.5, np.float32)


def test_progress_is_shown_until_the_last_batch_and_then_taken_away(monkeypatch):
    clock, out = Clock(), Terminal()
    monkeypatch.setattr("training.evaluate.Progress", partial(Progress, out=out, clock=clock))
    split = Split(np.zeros(70, np.int64), lambda _: encode_png(np.zeros((4, 4, 3), np.uint8)))
    assert predict(Slow(clock), split, PixelSpec(height_px=4, width_px=4)).shape == (70, 2)
    assert out.getvalue().split("\r\x1b[K") == [
        "",
        "step 1/3  measuring on 70 images  64 images/s  0:01 left",
        "step 2/3  measuring on 70 images  64 images/s  0:00 left",
        "",
    ]
