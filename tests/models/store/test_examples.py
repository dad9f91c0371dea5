"""What a manifest says of the training pictures beside a model."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_artifacts import small_manifest

from models.store.examples import MAX_EXAMPLES, Examples
from models.store.manifest import decode, encode

EXAMPLES = Examples(3, "CC-BY 4.0 by Ada", may_be_shown=True)
FILES = {"model.tflite": "0" * 64, "saved_model/saved_model.pb": "1" * 64}


def test_manifest_with_examples_is_read_as_it_was_written():
    manifest = small_manifest(files=FILES, examples=EXAMPLES)
    assert decode(encode(manifest)) == manifest
    assert manifest.to_dict()["examples"] == {"num_images": 3, "licence": "CC-BY 4.0 by Ada", "may_be_shown": True}


def test_manifest_without_has_no_such_field():
    assert "examples" not in small_manifest().to_dict()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_images": 0}, rf"^examples.num_images must be a whole number from 1 to {MAX_EXAMPLES}, got 0$"),
        ({"num_images": True}, r"^examples.num_images must be a whole number"),
        ({"licence": ""}, r"^examples.licence must be a non-empty text"),
        ({"may_be_shown": 1}, r"^examples.may_be_shown must be true or false, got 1$"),
    ],
)
def test_malformed_field_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        replace(EXAMPLES, **change)


def test_missing_field_is_named():
    with pytest.raises(ValueError, match=r"^examples must have the fields licence, may_be_shown, num_images, got"):
        Examples.from_dict({"num_images": 3})
