import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from training.cifar10 import LABELS, TEST_FILES, TRAIN_FILES, convert, main
from training.data import load_dataset
from training.dataset import HeldOut


def archive(path: Path, *, num_bytes_missing: int = 0) -> Path:
    rng = np.random.default_rng(0)
    with tarfile.open(path, "w:gz") as tar:
        for name in (*TRAIN_FILES, *TEST_FILES):
            records = rng.integers(0, 256, (4, 3073), np.uint8)
            records[:, 0] = [0, 9, 3, 5]
            records[0, 1 : 1 + 3072] = np.repeat([255, 0, 7], 1024)  # red 255, green 0, blue 7 everywhere
            records[1, 1 : 1 + 1024] = np.repeat(np.arange(32), 32)  # red tells the row
            content = records.tobytes()[: 4 * 3073 - num_bytes_missing]
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_planes_become_pixels(tmp_path):
    assert main([str(archive(tmp_path / "cifar.tar.gz")), str(tmp_path / "cifar10.npz")]) == 0
    with np.load(tmp_path / "cifar10.npz") as arrays:
        assert arrays["x_train"].shape == (20, 32, 32, 3)
        np.testing.assert_array_equal(arrays["x_test"][0], np.broadcast_to([255, 0, 7], (32, 32, 3)))
        np.testing.assert_array_equal(arrays["x_test"][1, :, 9, 0], np.arange(32))
        np.testing.assert_array_equal(arrays["y_test"], [0, 9, 3, 5])
    assert load_dataset(tmp_path / "cifar10.npz", HeldOut()).labels == LABELS


def test_archive_with_a_file_cut_short_is_refused(tmp_path, capsys):
    assert main([str(archive(tmp_path / "cifar.tar.gz", num_bytes_missing=1)), str(tmp_path / "out.npz")]) == 2
    assert "data_batch_1.bin must hold records of 3073 bytes, got 12291 bytes" in capsys.readouterr().err
    assert not (tmp_path / "out.npz").exists()


def test_other_file_is_refused(tmp_path, capsys):
    (tmp_path / "x.tar.gz").write_bytes(b"hello")
    assert main([str(tmp_path / "x.tar.gz"), str(tmp_path / "out.npz")]) == 2
    assert "x.tar.gz cannot be read as a tar archive" in capsys.readouterr().err


def test_half_an_archive_is_refused(tmp_path, capsys):
    whole = archive(tmp_path / "cifar.tar.gz").read_bytes()
    (tmp_path / "cifar.tar.gz").write_bytes(whole[: len(whole) // 2])
    assert main([str(tmp_path / "cifar.tar.gz"), str(tmp_path / "out.npz")]) == 2
    assert "cifar.tar.gz cannot be read as a tar archive: Compressed file ended before" in capsys.readouterr().err


def test_a_file_that_stops_being_written_is_not_there(tmp_path, monkeypatch):
    def stop(file, **arrays):
        Path(file).write_bytes(b"a part")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", stop)
    with pytest.raises(KeyboardInterrupt):
        convert(archive(tmp_path / "cifar.tar.gz"), tmp_path / "out.npz")
    assert not (tmp_path / "out.npz").exists()


def test_a_file_of_another_kind_is_not_written(tmp_path, capsys):
    assert main([str(archive(tmp_path / "cifar.tar.gz")), str(tmp_path / "cifar10")]) == 2
    assert "the file to write must end in .npz, got cifar10" in capsys.readouterr().err
