import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tflite_files import two_outputs
from waiting import SOON_S

from models.errors import CorruptArtifact, RunFailed
from models.runtime.litert import LiteRTRuntime
from models.store.repository import Repository

REPO = Path(__file__).resolve().parents[3]
MODEL_FILE = Repository(REPO / "models" / "zoo").load("cifar10").model_path("litert")


@pytest.fixture
def runtime():
    runtime = LiteRTRuntime(MODEL_FILE, input_shape=(32, 32, 3), num_classes=10)
    yield runtime
    runtime.close()


IMAGES = np.random.default_rng(0).integers(0, 256, (7, 32, 32, 3), np.uint8)


def test_more_images_than_memory_fail_and_the_next_calls_work(runtime):
    expected = runtime.run(IMAGES[:2])
    with pytest.raises(RunFailed, match=r"^LiteRT failed on 10000000 images$"):
        runtime.run(np.broadcast_to(IMAGES[0], (10_000_000, 32, 32, 3)))  # one image in memory
    for size in (2, 1):
        # A softmax with a temperature rounds its last bit by the number of images.
        np.testing.assert_allclose(runtime.run(IMAGES[:size]), expected[:size], rtol=1e-6, atol=1e-9)


def test_threads_must_be_positive():
    with pytest.raises(ValueError, match="num_threads must be >= 1, got 0"):
        LiteRTRuntime(MODEL_FILE, input_shape=(32, 32, 3), num_classes=10, num_threads=0)


def test_more_than_one_output_is_refused(tmp_path):
    path = two_outputs(tmp_path / "model.tflite")
    given = r"float32 \[\S+ 32, 32, 3\]"
    with pytest.raises(CorruptArtifact, match=rf"must give float32 \[N, 3\], it gives {given} and {given}$"):
        LiteRTRuntime(path, input_shape=(32, 32, 3), num_classes=3)


def test_models_by_others_are_refused_politely(shared_data):
    path = shared_data / "models" / "mobilenet_v1_0.25_128_quant.tflite"
    with pytest.raises(CorruptArtifact, match="must give float32"):
        LiteRTRuntime(path, input_shape=(128, 128, 3), num_classes=1001)


def test_nothing_is_said_on_standard_error_of_a_model_that_loads():
    code = (
        "from pathlib import Path; from models.runtime.litert import LiteRTRuntime; "
        f"LiteRTRuntime(Path({str(MODEL_FILE)!r}), input_shape=(32, 32, 3), num_classes=10)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPO, timeout=SOON_S)
    assert (done.returncode, done.stderr) == (0, "")  # LiteRT says it once a process
