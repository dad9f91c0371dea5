import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pytest
import tf_keras as keras
from tflite_files import IMAGE_SHAPE, Tensor, two_outputs, write
from waiting import SOON_S

from models.errors import CorruptArtifact, RunFailed, RuntimeMissing
from models.network.export import export_float16, export_float32
from models.network.resnet_v2 import ResNetV2, build
from models.runtime import litert_library, load_runtime
from models.runtime.litert import LiteRTRuntime
from models.runtime.litert_library import library
from models.runtime.shared_weights import SharedWeights, SharingRuntime
from models.store.repository import Repository

REPO = Path(__file__).resolve().parents[3]
SHIPPED = Repository(REPO / "models" / "zoo").load("cifar10")
MODEL_FILE = SHIPPED.model_path("litert")
TENSORS = {"input_shape": (32, 32, 3), "num_classes": 10}
IMAGES = np.random.default_rng(0).integers(0, 256, (7, 32, 32, 3), np.uint8)


def mappings() -> list[str]:
    """The inode of each mapping of shared weights in this process."""
    return [line.split()[4] for line in Path("/proc/self/maps").read_text().splitlines() if "/memfd:weights" in line]


def test_copies_map_the_same_weights_until_the_last_is_closed():
    with SharedWeights() as weights:
        copies = [SharingRuntime(MODEL_FILE, **TENSORS, weights=weights, num_threads=number) for number in (1, 1, 2)]
    assert len(mappings()) == 3
    assert len(set(mappings())) == 1
    expected = copies[0].run(IMAGES)
    copies[0].close()
    np.testing.assert_array_equal(copies[1].run(IMAGES), expected)
    for copy in copies:
        copy.close()
    assert mappings() == []


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The shipped int8 file, and a network in the other precisions."""
    folder = tmp_path_factory.mktemp("files")
    keras.utils.set_random_seed(0)
    model = build(ResNetV2.of("8", width=8, num_classes=10))
    export_float32(model, folder / "float32.tflite")
    export_float16(model, folder / "float16.tflite")
    return {"int8": MODEL_FILE, "float32": folder / "float32.tflite", "float16": folder / "float16.tflite"}


@pytest.mark.parametrize("precision", ["int8", "float32", "float16"])
def test_every_copy_answers_as_an_interpreter_does(files, precision):
    with ExitStack() as stack:
        weights = stack.enter_context(SharedWeights())
        path = files[precision]
        interpreter = stack.enter_context(closing(LiteRTRuntime(path, **TENSORS)))
        copies = [stack.enter_context(closing(SharingRuntime(path, **TENSORS, weights=weights))) for _ in range(2)]
        for size in (1, 4, 2, 1):
            expected = interpreter.run(IMAGES[:size])
            for copy in copies:
                np.testing.assert_array_equal(copy.run(IMAGES[:size]), expected)


def test_copies_of_an_artifact_share_where_that_is_possible(monkeypatch):
    with SharedWeights() as weights, closing(load_runtime(SHIPPED, weights=weights)) as runtime:
        assert isinstance(runtime, SharingRuntime)
    library.cache_clear()
    monkeypatch.setattr(litert_library, "TRIED", ())
    with SharedWeights() as weights, closing(load_runtime(SHIPPED, weights=weights)) as runtime:
        assert isinstance(runtime, LiteRTRuntime)
    with pytest.raises(RuntimeMissing, match=r"^weights can be shared with LiteRT 2.3.0, which is not installed$"):
        SharingRuntime(MODEL_FILE, **TENSORS, weights=weights)
    library.cache_clear()


def test_more_images_than_memory_fail_and_the_next_calls_work():
    with SharedWeights() as weights, closing(SharingRuntime(MODEL_FILE, **TENSORS, weights=weights)) as runtime:
        expected = runtime.run(IMAGES[:2])
        with pytest.raises(RunFailed, match=r"^LiteRT failed on 10000000 images$"):
            runtime.run(np.broadcast_to(IMAGES[0], (10_000_000, 32, 32, 3)))  # one image in memory
        np.testing.assert_array_equal(runtime.run(IMAGES[:2]), expected)


def test_more_than_one_output_is_refused(tmp_path):
    path = two_outputs(tmp_path / "model.tflite")
    given = r"float32 \[\S+ 32, 32, 3\]"
    with (
        SharedWeights() as weights,
        pytest.raises(CorruptArtifact, match=rf"must give float32 \[N, 3\], it gives {given} and {given}$"),
    ):
        SharingRuntime(path, input_shape=(32, 32, 3), num_classes=3, weights=weights)


def test_nothing_is_said_on_standard_error_of_a_model_that_loads():
    code = (
        "from pathlib import Path; from models.runtime.shared_weights import SharedWeights, SharingRuntime; "
        f"SharingRuntime(Path({str(MODEL_FILE)!r}), input_shape=(32, 32, 3), num_classes=10, weights=SharedWeights())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPO, timeout=SOON_S)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def sliced_file(tmp_path):
    """A classifier of which the first of eleven outputs is cut off, as a background's is."""
    any_number = (-1, 32, 32, 3)
    tensors = [
        Tensor(IMAGE_SHAPE, "UINT8", signature=any_number),
        Tensor(IMAGE_SHAPE, signature=any_number),
        Tensor((11, 3072), data=np.random.default_rng(1).normal(0, 1e-4, (11, 3072)).astype(np.float32)),
        Tensor((1, 11), signature=(-1, 11)),
        Tensor((2,), "INT32", np.array([0, 1], np.int32)),
        Tensor((2,), "INT32", np.array([-1, 10], np.int32)),
        Tensor((1, 10), signature=(-1, 10)),
        Tensor((1, 10), signature=(-1, 10)),
    ]
    operators = [("CAST", [0], [1]), ("FULLY_CONNECTED", [1, 2, -1], [3])]
    operators += [("SLICE", [3, 4, 5], [6]), ("SOFTMAX", [6], [7])]
    return write(tmp_path / "sliced.tflite", tensors, operators)


def test_smaller_batch_than_before_is_answered_behind_what_is_sized_as_it_runs(sliced_file):
    with (
        SharedWeights() as weights,
        closing(LiteRTRuntime(sliced_file, **TENSORS)) as interpreter,
        closing(SharingRuntime(sliced_file, **TENSORS, weights=weights)) as copy,
    ):
        for size in (4, 1, 7, 3):
            np.testing.assert_array_equal(copy.run(IMAGES[:size]), interpreter.run(IMAGES[:size]))
