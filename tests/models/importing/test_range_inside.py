import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from models.importing.range_inside import range_inside
from models.pixels.spec import PixelSpec
from models.portable.description import METADATA, describe, packed, unpacked
from models.portable.tables import Byte, flatbuffer


@pytest.fixture
def described(foreign, tmp_path):
    """A file whose metadata has a normalization."""

    def write(*processing):
        metadata = flatbuffer((None, None, None, [(None, None, [(None, None, None, None, list(processing))])]), b"M001")
        model = unpacked(foreign())
        model.metadata = [schema.MetadataT(METADATA.encode(), len(model.buffers))]
        model.buffers.append(schema.BufferT(np.frombuffer(metadata, np.uint8)))
        (tmp_path / "described.tflite").write_bytes(packed(model))
        return tmp_path / "described.tflite"

    return write


def normalization(means, deviations):
    return Byte(1), (means, deviations)


@pytest.mark.parametrize(
    ("means", "deviations", "name"),
    [
        ([127.5], [127.5], "-1..1"),
        ([0.0] * 3, [255.0] * 3, "0..1"),
        ([0.0], [1.0], "0..255"),
        ([127.0], [128.0], "-0.992188..1"),
        ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375], None),
        ([127.5], [0.0], None),
    ],
)
def test_mean_and_deviation_are_a_range(described, means, deviations, name):
    assert range_inside(described(normalization(means, deviations))) == name


def test_integers_have_a_range_of_their_own(foreign, tmp_path):
    file = tmp_path / "a.tflite"
    file.write_bytes(describe(foreign(kind="UINT8"), ["a", "b", "c"], PixelSpec(8, 8)))
    assert range_inside(file) is None


def test_other_processing_tells_none(described):
    assert range_inside(described((Byte(2), ([1.0], [1.0])))) is None


def test_a_file_that_says_nothing_or_is_broken_tells_none(foreign, tmp_path):
    file = tmp_path / "a.tflite"
    for content in (foreign(), b"", b"\xff" * 100, describe(foreign(), ["a", "b", "c"], PixelSpec(8, 8))[:900]):
        file.write_bytes(content)
        assert range_inside(file) is None
