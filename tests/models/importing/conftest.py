"""Foreign files in a folder of the test's own, and how they are answered for by hand."""

from __future__ import annotations

from contextlib import closing

import pytest
from foreign_files import PIXELS, dense, softmax, weights

from models.runtime.litert import LiteRTRuntime


@pytest.fixture
def foreign(tmp_path):
    """Bytes of a file of `foreign_files.dense`."""
    return lambda **changes: dense(tmp_path / "foreign.tflite", **changes).read_bytes()


@pytest.fixture
def answers(tmp_path):
    """What a made file answers to PIXELS, in one batch."""

    def run(classifier):
        file = tmp_path / "made.tflite"
        file.write_bytes(classifier.content)
        shape = (classifier.height_px, classifier.width_px, 3)
        with closing(LiteRTRuntime(file, input_shape=shape, num_classes=classifier.num_classes)) as runtime:
            return runtime.run(PIXELS)

    return run


@pytest.fixture
def by_hand():
    """What a dense layer makes of numbers, float [N, ...]: probabilities of NUM_CLASSES."""

    def run(numbers, num_channels=3):
        return softmax(numbers.reshape(len(numbers), -1) @ weights(num_channels=num_channels).T)

    return run
