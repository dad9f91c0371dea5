import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cifar10_sample import sample_pixels

from models.runtime import load_runtime
from models.store.repository import Repository

# Not openvino itself, which imported like that reports home.
openvino_runtime = pytest.importorskip(
    "models.runtime.openvino", reason="openvino is not installed: requirements/serve-openvino.txt"
)
OpenVINORuntime = openvino_runtime.OpenVINORuntime

REPO = Path(__file__).resolve().parents[3]
ZOO = Repository(REPO / "models" / "zoo")


@pytest.fixture(scope="module")
def images():
    return sample_pixels()


@pytest.fixture(scope="module")
def model_file():
    return ZOO.load("cifar10").model_path("litert")


@pytest.fixture(scope="module")
def runtime(model_file):
    runtime = OpenVINORuntime(model_file, input_shape=(32, 32, 3), num_classes=10, batch_sizes=(4, 2))
    yield runtime
    runtime.close()


def test_agrees_with_litert(runtime, images):
    litert = load_runtime(ZOO.load("cifar10"))
    expected, found = litert.run(images), runtime.run(images)
    # Both compute in int8, and round it differently: a few images between two classes may change sides. On processors
    # without VNNI there are no more of them, for the weights are such that no products saturate.
    assert (expected.argmax(axis=1) == found.argmax(axis=1)).mean() >= 0.99
    assert np.abs(expected - found).mean() <= 0.005
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_instructions_without_vnni_give_the_same_answers(runtime, images, model_file):
    code = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from models.runtime.openvino import OpenVINORuntime\n"
        "runtime = OpenVINORuntime(Path(sys.argv[1]), input_shape=(32, 32, 3), num_classes=10)\n"
        "pixels = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(-1, 32, 32, 3)\n"
        "sys.stdout.buffer.write(runtime.run(pixels).tobytes())"
    )
    environ = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2", "OV_CPU_MAX_ISA": "AVX2"}
    command = [sys.executable, "-c", code, str(model_file)]
    process = subprocess.run(
        command, cwd=REPO, env=environ, input=images[:60].tobytes(), capture_output=True, check=True
    )
    found = np.frombuffer(process.stdout, np.float32).reshape(60, 10)
    np.testing.assert_allclose(found, runtime.run(images[:60]), atol=1e-5)


def test_any_number_of_images_gives_each_its_own_answer(runtime, images):
    one_by_one = np.concatenate([runtime.run(images[index : index + 1]) for index in range(11)])
    for size in (1, 2, 3, 4, 7, 11):
        found = runtime.run(list(images[:size]))
        assert (found.dtype, found.shape) == (np.float32, (size, 10))
        np.testing.assert_allclose(found, one_by_one[:size], atol=1e-5)


def test_threads_must_be_positive(model_file):
    with pytest.raises(ValueError, match="num_threads must be >= 1, got 0"):
        OpenVINORuntime(model_file, input_shape=(32, 32, 3), num_classes=10, num_threads=0)


def test_nothing_that_reports_to_its_makers_is_loaded():
    code = (
        "import sys, models.runtime.openvino\n"
        "assert 'openvino' in sys.modules\n"
        "assert not [name for name in sys.modules if name.startswith('openvino_telemetry')]"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stderr) == (0, "")
