import hashlib
import json
from enum import Enum

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_artifacts import small_manifest

from models.errors import CorruptArtifact
from models.pixels.preprocessing import PixelSpec
from models.store.expected_answers import ExpectedAnswers
from models.store.manifest import MAX_MANIFEST_BYTES, Manifest, ModelFile, decode, encode
from models.store.strict_json import parse_object

unhurried = settings(deadline=None)  # the machine may have other work to do
DIGEST = "ab" * 32
FILES = {"model.tflite": DIGEST, "saved_model/saved_model.pb": DIGEST}


def complete(**changes):
    return small_manifest(**({"files": FILES} | changes))


def signed(record):
    """The bytes that `encode` would give for any record, right sha256 and all."""
    record = {key: value for key, value in record.items() if key != "sha256"}
    digest = hashlib.sha256(dump(record)).hexdigest()
    return dump(record | {"sha256": digest})


def dump(record):
    return (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
json_objects = st.dictionaries(st.text(), json_values, max_size=5)
printable = st.characters(exclude_categories=["Cc", "Cs"])
parts = st.text("abcABC019-_ é", min_size=1, max_size=8)
paths = st.lists(parts, min_size=1, max_size=3).map("/".join)
manifests = st.builds(
    Manifest,
    name=st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True),
    version=st.integers(1, 2**63 - 1),
    architecture=json_objects,
    labels=st.lists(st.text(printable, min_size=1), min_size=1, max_size=5),
    pixels=st.builds(
        PixelSpec, st.integers(1, 600), st.integers(1, 600), crop_fraction=st.floats(0, 1, exclude_min=True)
    ),
    formats=st.builds(
        lambda saturates: {"litert": ModelFile("model.tflite", "int8", saturates)}, st.sampled_from([None, False, True])
    ),
    metrics=json_objects,
    provenance=json_objects,
    files=st.dictionaries(paths.map("x/{}/file".format), st.just(DIGEST), max_size=3).map(
        lambda files: {"model.tflite": DIGEST} | files
    ),
)


@unhurried
@given(manifests)
def test_round_trip(manifest):
    assert decode(encode(manifest)) == manifest


def test_bytes_do_not_depend_on_the_order_of_keys():
    forth = complete(metrics={"a": 1, "b": {"c": 2, "d": 3}})
    back = complete(metrics={"b": {"d": 3, "c": 2}, "a": 1}, files=dict(reversed(FILES.items())))
    assert encode(forth) == encode(back)


def test_json_says_what_goes_in_and_out():
    record = json.loads(encode(complete()))
    assert next(iter(record)) == "format"
    assert record["format"] == 1
    assert record["input"] == {"name": "image", "dtype": "uint8", "shape": [-1, 32, 32, 3]}
    assert record["outputs"] == [{"name": "probabilities", "dtype": "float32", "shape": [-1, 3]}]
    assert record["engines"]["litert"] == {"file": "model.tflite", "precision": "int8"}
    assert "Gänseblümchen".encode() in encode(complete())


def test_every_byte_counts():
    data = encode(complete())
    for position in range(len(data)):
        for bit in (1, 0x20, 0x80):
            changed = bytearray(data)
            changed[position] ^= bit
            with pytest.raises(CorruptArtifact, match=r"manifest\.json|engine|must|field"):
                decode(bytes(changed))


@unhurried
@given(st.data())
def test_any_edit_is_found(data):
    original = encode(complete())
    start = data.draw(st.integers(0, len(original)))
    end = data.draw(st.integers(start, min(start + 40, len(original))))
    changed = original[:start] + data.draw(st.binary(max_size=40)) + original[end:]
    if changed == original:
        assert decode(changed) == complete()
    else:
        with pytest.raises(CorruptArtifact):
            decode(changed)


@unhurried
@given(st.binary() | json_values.map(dump))
def test_any_bytes_give_a_named_error(data):
    with pytest.raises(CorruptArtifact):
        decode(data)


@unhurried
@given(
    st.sampled_from([*complete().to_dict(), "engines.litert", "pixels.fit", "pixels.height_px", "files.model.tflite"]),
    json_values,
)
def test_wrong_types_with_a_right_sha256_give_a_named_error(path, value):
    record = complete().to_dict()
    field, _, inner = path.partition(".")
    if inner:
        record[field][inner] = value
    else:
        record[field] = value
    data = signed(record)
    try:
        manifest = decode(data)
    except CorruptArtifact as error:
        message = str(error)
    else:
        assert encode(manifest) == data
        return
    assert message.isprintable()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "manifest.json is not well-formed JSON"),
        (b"\xff\xfe{\x00}\x00", "manifest.json is not UTF-8 text"),
        (b"[]", "manifest.json must hold a JSON object, got list"),
        (b'{"format": 1, "format": 1}', "the key 'format' is there twice"),
        (b'{"format": NaN}', "manifest.json.format must be a finite number, got nan"),
        (b'{"format": 1e999}', "must be a finite number"),
        (b'{"format": ' + b"9" * 5000 + b"}", "manifest.json is not well-formed JSON"),
        (b'{"a": ' + b"[" * 200_000, "manifest.json is nested deeper than 32 levels"),
        (b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}", "nested deeper than 32 levels"),
        (b" " * (MAX_MANIFEST_BYTES + 1), "manifest.json is larger than the limit of 8388608 bytes"),
        (b'{"format": 2}', "manifest.json has format 2; this program reads format 1"),
        (b"{}", "manifest.json has format None; this program reads format 1"),
        (b'{"format": 1}', "manifest.json lacks the field 'name'"),
    ],
)
def test_what_is_no_manifest_is_named(data, message):
    with pytest.raises(CorruptArtifact) as caught:
        decode(data)
    assert message in str(caught.value)
    assert len(str(caught.value)) <= 400


def test_whether_a_file_saturates_is_told_where_it_is_known():
    known, unknown = (complete(formats={"litert": ModelFile("model.tflite", "int8", may)}) for may in (False, None))
    assert known.to_dict()["engines"]["litert"] == {"file": "model.tflite", "precision": "int8", "saturates": False}
    assert unknown.to_dict()["engines"]["litert"] == {"file": "model.tflite", "precision": "int8"}
    with pytest.raises(ValueError, match="whether an engine saturates must be true or false, got 'no'"):
        ModelFile("model.tflite", "int8", "no")


def test_a_field_that_is_not_ours_is_refused():
    with pytest.raises(CorruptArtifact, match="has changed since it was written"):
        decode(signed(complete().to_dict() | {"surprise": 1}))


@pytest.mark.parametrize(
    "path",
    ["../x", "a/../../x", "/etc/passwd", "./a", "a//b", "a/", "", ".", "..", "a\\b", "a\nb", "a\0", "x" * 2000],
)
def test_a_path_that_leaves_the_artifact_is_refused(path):
    with pytest.raises(ValueError, match="a path in an artifact must be relative and stay inside it"):
        complete(files=FILES | {path: DIGEST})
    with pytest.raises(ValueError, match="a path in an artifact must be relative and stay inside it"):
        ModelFile(path, "int8")
    record = complete().to_dict()
    record["files"][path] = DIGEST
    with pytest.raises(CorruptArtifact, match=r"relative and stay inside|has changed"):
        decode(signed(record | {"files": dict(sorted(record["files"].items()))}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "Flowers"}, "a model name must be 1 to 64 of"),
        ({"name": "a/b"}, "a model name must be"),
        ({"name": "flowers\n"}, "a model name must be"),
        ({"name": "x" * 65}, "a model name must be"),
        ({"name": None}, "a model name must be .* got NoneType"),
        ({"version": 0}, "a version must be a whole number >= 1"),
        ({"version": True}, "a version must be a whole number"),
        ({"version": 2**63}, "below 2\\*\\*63"),
        ({"labels": ()}, "labels must name at least one class, got none"),
        ({"labels": "cat"}, "labels must be a sequence of texts, got str"),
        ({"labels": ["cat", 3]}, "a label must be a non-empty text"),
        ({"labels": ["cat\n"]}, "a label must be a non-empty text without control characters"),
        ({"pixels": {"height_px": 32}}, "pixels must be a PixelSpec, got dict"),
        ({"formats": {}}, r"engines must have at least one of litert, tensorflow, onnx and no other, got \[\]"),
        ({"formats": {"tflite": ModelFile("m", "int8")}}, r"engines must have .* got \['tflite'\]"),
        ({"formats": {"litert": "model.tflite"}}, "engine 'litert' must be a ModelFile, got str"),
        ({"metrics": [1]}, "metrics must be a mapping with string keys, got list"),
        ({"metrics": {1: 2}}, "metrics must be a mapping with string keys"),
        ({"metrics": {"a": {1: 2}}}, "the keys of metrics.a must be strings, got 1"),
        ({"metrics": {"top1": np.float32(0.5)}}, "metrics.top1 must be JSON, got float32"),
        ({"metrics": {"loss": float("nan")}}, "metrics.loss must be a finite number, got nan"),
        ({"provenance": {"text": ["\ud800"]}}, r"provenance.text\[0\] must be Unicode text"),
        ({"files": {"a": "xyz"}}, "the sha256 of 'a' must be 64 lower-case hex digits"),
        ({"files": {"manifest.json": DIGEST}}, "manifest.json is written by the artifact itself"),
        ({"files": {"a": DIGEST, "a/b": DIGEST}}, "'a' is listed as a file and is also the folder of another"),
    ],
)
def test_a_wrong_field_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        complete(**changes)


def test_an_engine_without_its_file_is_not_encoded():
    with pytest.raises(ValueError, match="the engine tensorflow needs 'saved_model', which is not among the files"):
        encode(complete(files={"model.tflite": DIGEST, "saved_model.pb": DIGEST}))


def test_a_manifest_that_could_not_be_read_again_is_not_encoded():
    with pytest.raises(ValueError, match=r"manifest\.json must be at most 8388608 bytes"):
        encode(complete(provenance={"log": "x" * MAX_MANIFEST_BYTES}))


def nested(num_lists):
    return json.loads("[" * num_lists + "]" * num_lists)


def test_a_manifest_is_as_deep_as_can_be_read_again_and_no_deeper():
    manifest = complete(metrics={"deep": nested(30)})  # within the manifest, and its metrics: 32 levels
    assert decode(encode(manifest)) == manifest
    with pytest.raises(ValueError, match=r"^metrics\.deep(\[0\])+ is nested deeper than 32 levels$"):
        complete(metrics={"deep": nested(31)})


def test_later_changes_do_not_reach_a_manifest():
    metrics = {"int8": {"top1": 0.9}}
    manifest = complete(metrics=metrics)
    metrics["int8"]["top1"] = 1.0
    manifest.to_dict()["metrics"]["int8"]["top1"] = 1.0
    assert manifest.metrics == {"int8": {"top1": 0.9}}


def test_expected_answers_are_read_again():
    answers = ExpectedAnswers(classes=(1, 0, 2), confidence=(0,) * 11 + (3,))
    manifest = complete(expected_answers=answers)
    assert decode(encode(manifest)).expected_answers == answers
    assert decode(encode(complete())).expected_answers is None


def test_json_is_made_plain():
    class Color(str, Enum):  # noqa: UP042 - its str() is "Color.RED"
        RED = "red"

    manifest = complete(metrics={"top1": np.float64(0.5), "sizes": (1, 2), "color": Color.RED})
    assert manifest.metrics == {"top1": 0.5, "sizes": [1, 2], "color": "red"}
    assert decode(encode(manifest)) == manifest


def test_labels_may_repeat():
    assert complete(labels=["crane", "crane"]).labels == ("crane", "crane")


def test_json_may_be_as_large_as_its_limit_and_no_larger():
    assert parse_object(b'{"a": 1}', "x", max_bytes=8) == {"a": 1}
    with pytest.raises(ValueError, match="x is larger than the limit of 8 bytes"):
        parse_object(b'{"a": 1} ', "x", max_bytes=8)
