import os
import subprocess
import sys
from pathlib import Path

import pytest

from training.config import TrainingConfig
from training.onednn import VARIABLE, avoid_onednn

REPO = Path(__file__).resolve().parents[2]
LEARNS = """
from training.config import TrainingConfig
from training.onednn import avoid_onednn
avoid_onednn(TrainingConfig(width=8, image_px=64))
import tensorflow as tf
kernel = tf.Variable(tf.ones([1, 1, 8, 16]))
with tf.GradientTape() as tape:
    y = tf.nn.conv2d(tf.ones([32, 64, 64, 8]), kernel, 2, "SAME")
print(float(tape.gradient(y, kernel)[0, 0, 0, 0]))
"""


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"width": 15, "image_px": 64}, "0"),
        ({"width": 15, "image_px": 63}, None),
        ({"width": 16, "image_px": 64}, None),
        ({"width": None, "image_px": 224}, None),
    ],
)
def test_onednn_is_left_out_where_its_kernels_do_not_bear_the_network(monkeypatch, settings, expected):
    monkeypatch.setattr(os, "environ", {})
    avoid_onednn(TrainingConfig(**settings))
    assert os.environ.get(VARIABLE) == expected


def test_what_a_user_has_set_stays(monkeypatch):
    monkeypatch.setattr(os, "environ", {VARIABLE: "1"})
    avoid_onednn(TrainingConfig(width=8, image_px=128))
    assert os.environ[VARIABLE] == "1"


def test_gradient_of_few_channels_is_right_where_onednn_ended_the_process():
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    done = subprocess.run([sys.executable, "-c", LEARNS], cwd=REPO, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{32 * 32 * 32}.0\n")
