"""Files that are broken, or made to break what reads them."""

import flatbuffers
import numpy as np
import pytest
import tflite_files
from ai_edge_litert import schema_py_generated as schema
from foreign_files import LABELS, SIDE_PX
from hypothesis import given
from hypothesis import strategies as st
from tflite_files import Tensor

from models.importing.litert_file import Wanted, as_classifier
from models.importing.pixel_range import PixelRange
from models.importing.refused import ForeignModelRefused
from models.importing.safe_graph import check
from models.portable.description import packed, unpacked

IMAGE = (1, SIDE_PX, SIDE_PX, 3)


@pytest.fixture
def changed(foreign):
    """A file in which something is changed by hand."""

    def change(how):
        model = unpacked(foreign())
        how(model)
        return packed(model)

    return change


def test_a_sound_file_is_read(foreign):
    assert [operator.name for operator in check(foreign()).operators] == ["FULLY_CONNECTED", "SOFTMAX"]


@pytest.mark.parametrize("name", ["WHILE", "IF", "CALL_ONCE", "VAR_HANDLE", "HASHTABLE", "RANDOM_UNIFORM"])
def test_operators_with_state_loops_or_chance_are_refused_by_name(tmp_path, name):
    content = tflite_files.write(tmp_path / "a.tflite", [Tensor(IMAGE)] * 2, [(name, [0], [1])]).read_bytes()
    with pytest.raises(ForeignModelRefused, match=f"its operator '{name}' is not accepted: built-in ones alone are"):
        check(content)


def test_custom_operators_are_refused_by_name(changed):
    def custom(model):
        model.operatorCodes[1] = schema.OperatorCodeT(32, b"FlexPyFunc", 1, 32)

    with pytest.raises(ForeignModelRefused, match="its operator 'CUSTOM FlexPyFunc' is not accepted"):
        check(changed(custom))


def test_weights_outside_of_the_graph_are_refused(changed):
    def outside(model):
        model.buffers[1].offset, model.buffers[1].size = 4, 1000

    with pytest.raises(ForeignModelRefused, match="its weights lie outside of its graph"):
        check(changed(outside))


def test_fewer_weights_than_their_shape_says_are_refused(changed):
    def short(model):
        model.buffers[1].data = model.buffers[1].data[:-4]

    with pytest.raises(ForeignModelRefused, match="its tensor 2 needs 2,304 bytes, and has 2,300"):
        check(changed(short))


def test_a_buffer_that_is_not_there_is_refused(changed):
    def beyond(model):
        model.subgraphs[0].tensors[2].buffer = 77

    with pytest.raises(ForeignModelRefused, match=r"the file cannot be read: a tensor has shape .* and buffer 77 of 2"):
        check(changed(beyond))


def test_a_tensor_that_is_not_there_is_refused(changed):
    def beyond(model):
        model.subgraphs[0].operators[0].inputs = [0, 99, -1]

    with pytest.raises(ForeignModelRefused, match="a tensor's index is not among the 5 that there are"):
        check(changed(beyond))


def test_a_huge_shape_is_refused(changed):
    def huge(model):
        model.subgraphs[0].tensors[3].shape = [2**16, 2**16]

    with pytest.raises(ForeignModelRefused, match=r"its tensor 3 has shape \[65536, 65536\], which is too large"):
        check(changed(huge))


def test_two_graphs_are_refused(changed):
    with pytest.raises(ForeignModelRefused, match="it must have one subgraph, got 2"):
        check(changed(lambda model: model.subgraphs.append(schema.SubGraphT([], [], [], []))))


def test_a_table_that_is_listed_many_times_is_refused():
    builder = flatbuffers.Builder(0)
    tensor = schema.TensorT([1], 0, 0).Pack(builder)
    schema.SubGraphStartTensorsVector(builder, 1000)
    for _ in range(1000):
        builder.PrependUOffsetTRelative(tensor)
    tensors = builder.EndVector()
    numbers = builder.CreateNumpyVector(np.array([0], np.int32))
    operator = schema.OperatorT(0, [0], [0]).Pack(builder)
    schema.SubGraphStartOperatorsVector(builder, 1)
    builder.PrependUOffsetTRelative(operator)
    operators = builder.EndVector()
    schema.SubGraphStart(builder)
    for add, value in (("Tensors", tensors), ("Inputs", numbers), ("Outputs", numbers), ("Operators", operators)):
        getattr(schema, f"SubGraphAdd{add}")(builder, value)
    graph = schema.SubGraphEnd(builder)
    code = schema.OperatorCodeT(0, None, 1, 0).Pack(builder)
    buffer = schema.BufferT().Pack(builder)
    vectors = []
    for start, item in (("SubgraphsVector", graph), ("OperatorCodesVector", code), ("BuffersVector", buffer)):
        getattr(schema, f"ModelStart{start}")(builder, 1)
        builder.PrependUOffsetTRelative(item)
        vectors.append(builder.EndVector())
    schema.ModelStart(builder)
    for add, value in zip(("Subgraphs", "OperatorCodes", "Buffers"), vectors, strict=True):
        getattr(schema, f"ModelAdd{add}")(builder, value)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    with pytest.raises(ForeignModelRefused, match="one of its tensors is listed twice"):
        check(bytes(builder.Output()))


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    from foreign_files import dense

    return dense(tmp_path_factory.mktemp("sound") / "a.tflite").read_bytes()


@given(data=st.data())
def test_a_truncated_file_is_refused_or_read_and_never_an_error(sound, data):
    content = sound[: data.draw(st.integers(0, len(sound) - 1))]
    try:
        check(content)
    except ForeignModelRefused:
        return


@given(data=st.data())
def test_any_changed_byte_is_refused_or_read_and_never_an_error(sound, data):
    content = bytearray(sound)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(sound) - 1))] = data.draw(st.integers(0, 255))
    try:
        check(bytes(content))
    except ForeignModelRefused:
        return


def test_what_is_no_litert_file_is_refused():
    with pytest.raises(ForeignModelRefused, match="the file cannot be read: it is not a LiteRT file"):
        as_classifier(b"PK\x03\x04" * 100, Wanted(LABELS, PixelRange("0..1")))
