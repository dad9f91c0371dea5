"""Which model a request gets, by what it names."""

from __future__ import annotations

from dataclasses import replace

import pytest
from engines import MODEL

from models.errors import ModelNotFound, VersionNotFound
from models.store.reference import ModelReference
from server.engine.catalogue import Catalogue, ServedModel, choose_version, find_model, key_of
from server.engine.errors import DefaultNotServed
from server.engine.traffic_split import TrafficSplit

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


SPLIT = TrafficSplit("b", 5, 3, 100)


def chosen(split, *, name="b", version=None, **options):
    served = choose_version(replace(catalogue("a"), splits=(split,)), name, version, **options)
    return served.name, served.version


@pytest.mark.parametrize(
    ("options", "version"),
    [({}, 3), ({"session": "x"}, 3), ({"version": 5}, 5), ({"label": "stable"}, 5), ({"label": "canary"}, 3)],
    ids=str,
)
def test_canary_gets_its_share_of_what_names_no_version(options, version):
    assert chosen(SPLIT, **options) == ("b", version)


def test_split_is_of_that_model_and_its_stable_version_alone():
    assert chosen(SPLIT, name=None) == ("a", 2)
    assert chosen(replace(SPLIT, stable=4)) == ("b", 5)
    assert chosen(replace(SPLIT, is_shadow=True)) == ("b", 5)


def test_label_of_a_canary_that_does_not_run_is_not_found():
    with pytest.raises(ModelNotFound, match=r"^model 'a' has no version with the label canary$"):
        chosen(SPLIT, name="a", label="canary")


def test_catalogue_is_passed_on_with_its_splits():
    full = replace(catalogue("b:3"), splits=(SPLIT,))
    assert Catalogue.from_json(full.to_json()) == full
    assert [model.version for model in full.models_of_their_own] == [2, 5, 4]
