import numpy as np
import pytest
from tflite_files import Tensor, colour_classifier, one_at_a_time, write

from optimize.cost.timed_file import LoadedFile


@pytest.mark.parametrize("dtype", ["UINT8", "INT8", "FLOAT32"])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_call_answers_every_image(tmp_path, dtype, batch_size):
    loaded = LoadedFile(colour_classifier(tmp_path / "m.tflite", dtype=dtype), num_threads=2, batch_size=batch_size)
    answer = loaded()
    assert answer.shape == (batch_size, 3)
    assert np.isfinite(answer).all()


def test_file_for_one_image_at_a_time_takes_no_larger_batch(tmp_path):
    path = one_at_a_time(tmp_path / "single.tflite")
    assert LoadedFile(path, num_threads=1, batch_size=1)().shape == (1, 3)
    with pytest.raises(ValueError, match=r"single\.tflite cannot be run by LiteRT at batch size 4"):
        LoadedFile(path, num_threads=1, batch_size=4)


def test_files_with_several_inputs_are_refused(tmp_path):
    tensors = [Tensor((1, 3)), Tensor((1, 3)), Tensor((1, 3))]
    path = write(tmp_path / "two.tflite", tensors, [("ADD", [0, 1], [2])], inputs=[0, 1])
    with pytest.raises(ValueError, match=r"two\.tflite cannot be run by LiteRT"):
        LoadedFile(path, num_threads=1, batch_size=1)
