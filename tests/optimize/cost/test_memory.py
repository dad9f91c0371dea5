import numpy as np
import pytest
from tflite_files import Tensor, write

from optimize.cost.memory import memory_bytes


def test_a_file_with_more_weights_takes_more_memory(tmp_path):
    def dense(name, width):
        tensors = [Tensor((1, 4)), Tensor((width, 4), data=np.ones((width, 4), np.float32)), Tensor((1, width))]
        return write(tmp_path / name, tensors, [("FULLY_CONNECTED", [0, 1, -1], [2])])

    small, large = memory_bytes(dense("small.tflite", 10)), memory_bytes(dense("large.tflite", 1_000_000))
    assert large - small > 15_000_000


def test_what_litert_cannot_load_is_named(tmp_path):
    (tmp_path / "broken.tflite").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"broken\.tflite cannot be run by LiteRT in a process of its own"):
        memory_bytes(tmp_path / "broken.tflite")
