"""Which model a request gets, by what it names."""

from __future__ import annotations

import pytest
from engines import MODEL

from models.errors import ModelNotFound, VersionNotFound
from models.store.reference import ModelReference
from server.engine.catalogue import Catalogue, ServedModel, find_model, key_of
from server.engine.errors import DefaultNotServed

MODELS = tuple(
    ServedModel(name, version, MODEL.labels, MODEL.pixels) for name, version in [("a", 2), ("b", 5), ("b", 3), ("b", 4)]
)


def catalogue(default):
    return Catalogue(MODELS, default=ModelReference.parse(default))


@pytest.mark.parametrize(
    ("default", "name", "version", "expected"),
    [
        ("b", None, None, ("b", 5)),
        ("b:3", None, None, ("b", 3)),
        ("b:3", None, 4, ("b", 4)),
        ("b:7", None, 4, ("b", 4)),
        ("b:3", "b", None, ("b", 5)),
        ("b", "a", None, ("a", 2)),
        ("gone", "b", 3, ("b", 3)),
    ],
)
def test_what_is_not_named_is_the_default(default, name, version, expected):
    served = find_model(catalogue(default), name, version)
    assert (served.name, served.version) == expected


@pytest.mark.parametrize("default", ["gone", "b:7"])
def test_default_that_is_not_served_is_no_other(default):
    with pytest.raises(DefaultNotServed, match=f"^the default model, {default}, is not served; .* of: a, b$"):
        find_model(catalogue(default), None, None)


@pytest.mark.parametrize(
    ("default", "name", "version", "error", "message"),
    [
        ("b", "c", None, ModelNotFound, "model 'c' is not served here; served: a, b"),
        ("b", None, 7, VersionNotFound, "model 'b' is not served in version 7; served: 5, 3, 4"),
        ("gone", None, 3, ModelNotFound, "model 'gone' is not served here; served: a, b"),
    ],
)
def test_what_is_named_and_not_served_is_not_found(default, name, version, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        find_model(catalogue(default), name, version)


def test_keys_differ_and_stay_the_same():
    keys = {key_of(name, version) for name in ("a", "b", "a:1") for version in range(1, 100)}
    assert len(keys) == 297
    assert key_of("a", 1) == key_of("a", 1) != 0
