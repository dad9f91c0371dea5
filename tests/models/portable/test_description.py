import json
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import number_types
from flatbuffers.table import Table

from models.errors import CorruptArtifact
from models.pixels.spec import PixelSpec
from models.portable.description import Description, describe, fitting_in_words, read_description
from models.runtime.litert import LiteRTRuntime
from models.store.repository import Repository

REPO = Path(__file__).resolve().parents[3]
ARTIFACT = Repository(REPO / "models" / "zoo").load("cifar10", verify=False)
LABELS, PIXELS = ARTIFACT.manifest.labels, ARTIFACT.manifest.pixels
TEMPERATURE = ARTIFACT.manifest.calibration.temperature


@pytest.fixture(scope="module")
def undescribed():
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(ARTIFACT.model_path("litert").read_bytes()))
    model.metadata = [entry for entry in model.metadata if entry.name != b"TFLITE_METADATA"]
    return packed(model)


@pytest.fixture(scope="module")
def described(undescribed):
    return describe(undescribed, LABELS, PIXELS)


def packed(model):
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def metadata_of(content):
    """The root of the metadata that a file carries, as the schema's readers find it."""
    model = schema.Model.GetRootAs(content)
    entries = [model.Metadata(index) for index in range(model.MetadataLength())]
    [entry] = [entry for entry in entries if entry.Name() == b"TFLITE_METADATA"]
    data = bytearray(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes())
    assert data[4:8] == b"M001"
    return Reader(Table(data, int.from_bytes(data[:4], "little")))


class Reader:
    """Fields of a table by their place in metadata_schema.fbs."""

    def __init__(self, table):
        self.table = table

    def at(self, slot):
        offset = self.table.Offset(4 + 2 * slot)
        assert offset
        return offset

    def text(self, slot):
        return self.table.String(self.at(slot) + self.table.Pos).decode()

    def number(self, slot, flags=number_types.Uint8Flags):
        return self.table.Get(flags, self.at(slot) + self.table.Pos)

    def inner(self, slot):
        return Reader(Table(self.table.Bytes, self.table.Indirect(self.at(slot) + self.table.Pos)))

    def union(self, slot):
        inner = Table(self.table.Bytes, 0)
        self.table.Union(inner, self.at(slot))
        return Reader(inner)

    def tables(self, slot):
        start = self.table.Vector(self.at(slot))
        count = self.table.VectorLen(self.at(slot))
        return [Reader(Table(self.table.Bytes, self.table.Indirect(start + 4 * index))) for index in range(count)]

    def floats(self, slot):
        start = self.table.Vector(self.at(slot))
        count = self.table.VectorLen(self.at(slot))
        return [self.table.Get(number_types.Float32Flags, start + 4 * index) for index in range(count)]


def test_a_file_says_its_labels_pixels_and_temperature(described):
    assert read_description(described) == Description(LABELS, PIXELS, ARTIFACT.manifest.calibration.temperature)


def test_a_file_without_a_description_says_nothing(undescribed):
    assert read_description(undescribed) is None


def test_the_network_stays_bit_for_bit(undescribed, described, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    answers = []
    for name, content in {"before": undescribed, "after": described}.items():
        (tmp_path / name).write_bytes(content)
        answers.append(LiteRTRuntime(tmp_path / name, input_shape=(32, 32, 3), num_classes=10).run(images))
    np.testing.assert_array_equal(*answers)


def test_equal_descriptions_give_equal_bytes_and_another_takes_their_place(described):
    assert describe(described, LABELS, PIXELS) == described
    other = describe(described, LABELS[::-1], PIXELS)
    assert read_description(other).labels == LABELS[::-1]
    assert len(other) == len(described)


def test_the_schemas_tables_name_the_input_its_size_and_its_range(described):
    [graph] = metadata_of(described).tables(3)
    [image] = graph.tables(2)
    assert image.text(0) == "image"
    content = image.inner(3)
    assert content.number(0) == 2  # ImageProperties
    properties = content.union(1)
    assert properties.number(0) == 1  # RGB
    assert [properties.inner(1).number(slot, number_types.Uint32Flags) for slot in (0, 1)] == [32, 32]
    [process] = image.tables(4)
    assert process.number(0) == 1  # NormalizationOptions
    # Of an int8 file: 128 and 64, which its quantization takes back, so that pixels come in as they are.
    assert (process.union(1).floats(0), process.union(1).floats(1)) == ([128.0], [64.0])
    assert (image.inner(5).floats(0), image.inner(5).floats(1)) == ([1.984375], [-2.0])


def test_the_schemas_tables_name_the_file_of_labels(described):
    root = metadata_of(described)
    [graph] = root.tables(3)
    [probabilities] = graph.tables(3)
    [labels] = probabilities.tables(6)
    assert (labels.text(0), labels.number(2)) == ("labels.txt", 2)  # TENSOR_AXIS_LABELS
    assert [file.text(0) for file in root.tables(6)] == ["opsin.json"]
    assert root.text(7) == "1.0.0"
    assert f"temperature of {TEMPERATURE}" in probabilities.text(1)


def test_the_files_are_an_uncompressed_archive_behind_the_model(described):
    with zipfile.ZipFile(BytesIO(described)) as archive:
        assert [(info.filename, info.compress_type) for info in archive.infolist()] == [
            ("labels.txt", zipfile.ZIP_STORED),
            ("opsin.json", zipfile.ZIP_STORED),
        ]
        assert archive.read("labels.txt").decode().splitlines() == list(LABELS)
        facts = json.loads(archive.read("opsin.json"))
    assert facts["input"] == {"dtype": "uint8", "shape": [-1, 32, 32, 3], "colors": "RGB", "range": [0, 255]}
    assert facts["pixels"] == PIXELS.to_dict()


def test_a_float_input_takes_pixels_as_they_are(undescribed):
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(undescribed))
    model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]].quantization = None
    [graph] = metadata_of(describe(packed(model), LABELS, PIXELS)).tables(3)
    [image] = graph.tables(2)
    assert (image.tables(4)[0].union(1).floats(0), image.tables(4)[0].union(1).floats(1)) == ([0.0], [1.0])
    assert (image.inner(5).floats(0), image.inner(5).floats(1)) == ([255.0], [0.0])


def test_fitting_is_said_in_words():
    assert "whatever its proportions" in fitting_in_words(PixelSpec(8, 16, fit="stretch"))
    cut = fitting_in_words(PixelSpec(224, 224, crop_fraction=0.875, resample="bicubic"))
    assert "keep the middle 0.875 of each side, and scale that to 224 x 224" in cut
    assert "The filter is bicubic" in cut


def test_what_is_no_litert_file_is_refused():
    with pytest.raises(ValueError, match=r"^it is not a LiteRT file: bytes 4 to 8 are not TFL3$"):
        describe(b"weights", LABELS, PIXELS)


def test_a_broken_description_is_named(described):
    broken = described.replace(b'"temperature": 0.', b'"temperature": 0x')
    with pytest.raises(CorruptArtifact, match="the description inside the file is broken"):
        read_description(broken)
