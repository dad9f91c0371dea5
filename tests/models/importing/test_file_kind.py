import os

import pytest

from models.importing.file_kind import kind_of
from models.importing.refused import ForeignModelRefused


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.bin", b"\x1c\0\0\0TFL3" + bytes(8), "tflite"),
        ("a.onnx", b"\x08\x08" + bytes(14), "onnx"),  # whose suffix alone tells
        ("a.keras", b"PK\x03\x04" + bytes(12), "keras"),
        ("a.hdf5", b"\x89HDF\r\n\x1a\n" + bytes(8), "h5"),
    ],
)
def test_a_kind_is_told_by_the_first_bytes(tmp_path, name, content, kind):
    (tmp_path / name).write_bytes(content)
    assert kind_of(tmp_path / name) == kind


def test_a_folder_with_saved_model_pb_is_a_saved_model(tmp_path):
    with pytest.raises(
        ForeignModelRefused, match=r"is a folder without saved_model.pb; a .tflite, .onnx, .keras or .h5 file"
    ):
        kind_of(tmp_path)
    (tmp_path / "saved_model.pb").touch()
    assert kind_of(tmp_path) == "saved_model"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.pth", r"a.pth may be a pickle, or weights without their network, which are not accepted"),
        (
            "a.zip",
            r"a.zip is of no kind that is accepted; a .tflite, .onnx, .keras or .h5 file and the folder of a Sav",
        ),
    ],
)
def test_other_files_are_refused(tmp_path, name, reason):
    (tmp_path / name).write_bytes(b"PK\x03\x04" + bytes(12))
    with pytest.raises(ForeignModelRefused, match=reason):
        kind_of(tmp_path / name)


@pytest.mark.timeout(10)
def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.tflite")
    with pytest.raises(
        ForeignModelRefused, match=r"^a.tflite is a pipe or a device; a .tflite, .onnx, .keras or .h5 file"
    ):
        kind_of(tmp_path / "a.tflite")
