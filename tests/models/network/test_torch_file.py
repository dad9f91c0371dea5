"""A file of PyTorch gives its tensors, and nothing that it says is run."""

import numpy as np
import pytest
from torch_files import called, tensor, value, write_tensors

from models.network.torch_file import read_tensors

KERNEL = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)


def test_tensors_come_back_by_name_in_the_order_of_the_file(tmp_path):
    arrays = {"b.weight": KERNEL, "a.bias": np.float32([1.5, -2]), "a.num_batches_tracked": np.array(7, np.int64)}
    read = read_tensors(write_tensors(tmp_path / "x.pth", arrays))
    assert list(read) == list(arrays)
    for name, array in arrays.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array)


def test_transposed_tensor_is_read_by_its_strides(tmp_path):
    transposed = np.ascontiguousarray(KERNEL).transpose(3, 2, 0, 1)
    np.testing.assert_array_equal(read_tensors(write_tensors(tmp_path / "x.pth", {"w": transposed}))["w"], transposed)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (value("x") + called("os", "system", value("touch /tmp/opsin-was-here")), "asks for os.system"),
        (value("x") + called("builtins", "eval", value("1")), "asks for builtins.eval"),
        (value("x") + called("collections", "Counter"), r"asks for collections\.Counter"),
        (value("x") + tensor("w", np.zeros(24)), r"asks for torch\.DoubleStorage"),
        (value("x") + tensor("w", KERNEL, offset=1), "reaches beyond its storage"),
        (value("x") + tensor("w", KERNEL, offset=-1), "reaches beyond its storage"),
        (value("x") + tensor("w", np.zeros((5, 5), np.float32)), "reaches beyond its storage"),
        (value("x") + tensor("other", KERNEL), "'other'"),
        (value("x") + value(3), "'int' object has no attribute"),
    ],
)
def test_anything_but_tensors_is_refused(tmp_path, entry, message):
    with pytest.raises(ValueError, match=rf"x\.pth is not a file of tensors as PyTorch 1\.5 writes it: .*{message}"):
        read_tensors(write_tensors(tmp_path / "x.pth", {"w": KERNEL}, entry=entry))


def test_file_of_another_kind_is_refused(tmp_path):
    with pytest.raises(ValueError, match="it begins with another number"):
        read_tensors(write_tensors(tmp_path / "x.pth", {}, number=3))
    (tmp_path / "y.pth").write_bytes(b"PK\x03\x04")
    with pytest.raises(ValueError, match=r"y\.pth is not a file of tensors"):
        read_tensors(tmp_path / "y.pth")


@pytest.mark.parametrize("num_lost_bytes", [1, 100, 105, 120, 400])
def test_file_that_ends_too_early_is_refused(tmp_path, num_lost_bytes):
    with pytest.raises(ValueError, match="is not a file of tensors"):
        read_tensors(write_tensors(tmp_path / "x.pth", {"w": KERNEL}, num_lost_bytes=num_lost_bytes))
