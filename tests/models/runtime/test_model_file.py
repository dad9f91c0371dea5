from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from cifar10_sample import sample_pixels

from models.runtime.model_file import first_runtime, load_file
from models.store.repository import Repository

REPO = Path(__file__).resolve().parents[3]
SHIPPED = Repository(REPO / "models" / "zoo").load("cifar10").model_path("litert")
TENSORS = {"input_shape": (32, 32, 3), "num_classes": 10}


@pytest.mark.parametrize(
    ("name", "runtime"), [("model.tflite", "litert"), ("model.onnx", "onnxruntime"), ("model", "litert")]
)
def test_the_suffix_tells_what_runs_a_file_first(name, runtime):
    assert first_runtime(Path(name)) == runtime


@pytest.mark.parametrize("runtime", ["litert", "openvino"])
def test_a_litert_file_is_loaded_by_what_is_asked_for(runtime):
    library = pytest.importorskip(f"models.runtime.{runtime}", reason=f"{runtime} is not installed")
    with closing(load_file(SHIPPED, **TENSORS, runtime=runtime)) as loaded:
        assert type(loaded).__module__ == library.__name__
        np.testing.assert_allclose(loaded.run(sample_pixels()[:2]).sum(axis=1), 1, atol=1e-5)
