"""Hostile and broken ONNX files are refused with a reason before anything of them runs."""

from __future__ import annotations

import random
from contextlib import suppress

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="onnx is not installed: requirements/serve-onnx.txt")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx_models import colour_classifier, model_of  # noqa: E402

from models.importing.onnx_check import MAX_NODES, OPERATORS, check  # noqa: E402
from models.importing.refused import ForeignModelRefused  # noqa: E402


def relu_chain(*nodes, constants=None, **options):
    """A model of nodes between `pixels` and `answers`."""
    image = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["N", 3, 8, 8])
    answers = helper.make_tensor_value_info("answers", TensorProto.FLOAT, ["N", 3])
    return model_of(nodes, [image], [answers], constants or {}, **options)


def refusal(model):
    with pytest.raises(ForeignModelRefused) as refused:
        check(model if isinstance(model, bytes) else model.SerializeToString())
    return str(refused.value)


def changed(change):
    model = colour_classifier()
    change(model)
    return model


def with_external_data(location):
    def change(model):
        tensor = model.graph.initializer[1]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)

    return changed(change)


def test_a_sound_file_is_written_anew_without_what_is_not_needed():
    model = colour_classifier()
    model.doc_string, model.producer_name = "x" * 1000, "somebody"
    model.metadata_props.add(key="a", value="b")
    model.training_info.add()
    made = check(model.SerializeToString())
    assert (made.doc_string, made.producer_name, len(made.metadata_props), len(made.training_info)) == ("", "", 0, 0)
    assert [node.op_type for node in made.graph.node] == [node.op_type for node in model.graph.node]
    for before, after in zip(model.graph.initializer, made.graph.initializer, strict=True):
        assert after.name == f"network/{before.name}"
        np.testing.assert_array_equal(numpy_helper.to_array(after), numpy_helper.to_array(before))


@pytest.mark.parametrize("location", ["../../etc/passwd", "/etc/passwd", "weights.bin"])
def test_weights_in_another_file_are_refused(location):
    said = refusal(with_external_data(location))
    assert said.startswith(f"its tensor 'weights' lies in another file, {location!r}, which is not accepted")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda model: model.graph.initializer[1].dims.__setitem__(0, 2**40), "which is too large"),
        (lambda model: model.graph.initializer[1].dims.__setitem__(0, -1), "which is too large"),
        (lambda model: model.graph.initializer[1].dims.__setitem__(0, 4), "needs 48 bytes, and has 36"),
        (
            lambda model: setattr(model.graph.initializer[1], "data_type", TensorProto.STRING),
            "type that is not accepted",
        ),
        (lambda model: setattr(model.graph.initializer[1], "data_type", 1000), "type that is not accepted"),
        (lambda model: model.graph.sparse_initializer.add(), "it has sparse weights, which are not accepted"),
        (lambda model: model.functions.add(name="f"), "it has functions of its own, which are not accepted"),
        (lambda model: setattr(model, "ir_version", 99), "it is of ONNX' IR version 99; 3 to "),
        (lambda model: setattr(model.opset_import[0], "version", 999), "it is of opset 999; one of 9 to "),
        (lambda model: setattr(model.opset_import[0], "version", 6), "it is of opset 6; one of 9 to "),
        (lambda model: model.ClearField("opset_import"), "it is of opset none; one of 9 to "),
        (lambda model: model.ClearField("graph"), "it has 0 nodes; 1 to 20,000 are accepted"),
        (
            lambda model: setattr(model.graph.output[0], "name", "elsewhere"),
            "its output 'elsewhere' is computed by nothing",
        ),
    ],
)
def test_what_is_broken_or_not_accepted_is_named(change, said):
    assert said in refusal(changed(change))


@pytest.mark.parametrize(
    ("operator", "domain", "name"),
    [
        ("Loop", "", "Loop"),
        ("If", "", "If"),
        ("RandomNormal", "", "RandomNormal"),
        ("ImageDecoder", "", "ImageDecoder"),
        ("StringNormalizer", "", "StringNormalizer"),
        ("Relu", "com.microsoft", "com.microsoft.Relu"),
        ("TreeEnsembleClassifier", "ai.onnx.ml", "ai.onnx.ml.TreeEnsembleClassifier"),
        ("PyOp", "ai.onnx.contrib", "ai.onnx.contrib.PyOp"),
    ],
)
def test_other_operators_are_refused_by_name(operator, domain, name):
    assert refusal(relu_chain(helper.make_node(operator, ["pixels"], ["answers"], domain=domain))).startswith(
        f"its operator {name!r} is not accepted: ONNX's own alone are"
    )


def test_the_list_of_operators_has_none_with_a_graph_inside_and_none_by_chance():
    for name in OPERATORS:
        schema = onnx.defs.get_schema(name)
        kinds = {attribute.type for attribute in schema.attributes.values()}
        assert not kinds & {onnx.defs.OpSchema.AttrType.GRAPH, onnx.defs.OpSchema.AttrType.GRAPHS}, name
        assert "Random" not in name


def test_a_graph_in_an_attribute_is_refused():
    node = helper.make_node("Relu", ["pixels"], ["answers"])
    node.attribute.append(helper.make_attribute("body", colour_classifier().graph))
    assert "has 'body', a graph or a reference, which is not accepted" in refusal(relu_chain(node))


def test_a_constant_in_an_attribute_is_held_to_the_same():
    tensor = numpy_helper.from_array(np.ones(3, np.float32), "value")
    tensor.dims[0] = 2**50
    node = helper.make_node("Constant", [], ["answers"], value=tensor)
    assert "has 'value', which has shape [1125899906842624], which is too large" in refusal(relu_chain(node))


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([("Relu", "answers", "between"), ("Relu", "between", "answers")], "reads 'answers', which nothing before it"),
        ([("Relu", "answers", "answers")], "reads 'answers', which nothing before it computes"),
        ([("Relu", "pixels", "answers"), ("Relu", "pixels", "answers")], "its tensor 'answers' is computed twice"),
        ([("Relu", "pixels", "pixels")], "its tensor 'pixels' is computed twice"),
    ],
)
def test_cycles_and_what_is_computed_twice_are_refused(nodes, said):
    made = [helper.make_node(operator, [source], [target]) for operator, source, target in nodes]
    assert said in refusal(relu_chain(*made))


def test_too_many_nodes_are_refused_by_their_number():
    node = helper.make_node("Relu", ["pixels"], ["answers"]).SerializeToString()
    # A node of the graph, which is field 7 of the model, is field 1 of that.
    nodes = (b"\x0a" + bytes([len(node)]) + node) * (MAX_NODES + 1)
    length, size = len(nodes), b""
    while length:
        size += bytes([length & 127 | (128 if length > 127 else 0)])
        length >>= 7
    content = relu_chain().SerializeToString() + b"\x3a" + size + nodes
    assert refusal(content) == "it has 20,001 nodes; 1 to 20,000 are accepted"


def test_messages_that_are_nested_too_deeply_are_refused():
    content = b""
    for _ in range(3000):  # a type (of a sequence, of a sequence, ...): fields 4 and 1
        inside = b"\x0a" + _varint(len(content)) + content
        content = b"\x22" + _varint(len(inside)) + inside
    value = b"\x12" + _varint(len(content)) + content
    graph = b"\x5a" + _varint(len(value)) + value
    assert "the file cannot be read" in refusal(b"\x3a" + _varint(len(graph)) + graph)


def test_a_file_that_is_cut_off_anywhere_is_refused():
    content = colour_classifier().SerializeToString()
    for length in sorted(random.Random(0).sample(range(len(content)), 60)):
        try:
            check(content[:length])
        except ForeignModelRefused:
            continue
        # Where a field ends the rest is a message too, of which nothing that is needed may be missing.
        assert content[length:].strip(b"\x00").startswith((b"B", b"J", b"\x42", b"\x72")), length


def test_a_file_with_a_changed_byte_is_read_or_refused():
    content = bytearray(colour_classifier().SerializeToString())
    draw = random.Random(1)
    for _ in range(300):
        place, value = draw.randrange(len(content)), draw.randrange(256)
        changed_content = bytes(content[:place]) + bytes([value]) + bytes(content[place + 1 :])
        with suppress(ForeignModelRefused):
            assert len(check(changed_content).graph.node) <= MAX_NODES


def _varint(number):
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])
