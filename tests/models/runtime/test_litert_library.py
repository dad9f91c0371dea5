"""What sharing weights needs of LiteRT's wheel, so that a new release says what has to be looked at."""

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

from models.runtime import litert_library
from models.runtime.litert_library import FUNCTIONS, PACKAGE, TRIED, CallFailed, library


@pytest.fixture
def fresh():
    """The library is looked for anew, and again after the test."""
    library.cache_clear()
    yield
    library.cache_clear()


def test_installed_release_is_one_of_those_that_were_tried():
    installed = version(PACKAGE)
    assert installed in TRIED, (
        f"{PACKAGE} {installed} has not been tried: compare FUNCTIONS and the structures of "
        "models/runtime/litert_library.py with its headers (litert/c), add it to TRIED, run tests/models/runtime; "
        "until then each copy of a model has weights of its own"
    )


def test_library_has_every_function():
    [folder] = find_spec("ai_edge_litert").submodule_search_locations
    exported = (Path(folder) / "libLiteRt.so").read_bytes()
    assert [name for name in FUNCTIONS if name.encode() + b"\0" not in exported] == []
    assert library() is library() is not None


def test_failure_names_the_function(tmp_path):
    found = library()
    with pytest.raises(CallFailed, match=r"^LiteRtCreateModelFromFile failed with status \d+$"):
        found.made("LiteRtCreateModelFromFile", found.environment, bytes(tmp_path / "absent"))


def test_there_is_no_library_with_another_release(fresh, monkeypatch):
    monkeypatch.setattr(litert_library, "version", lambda _: "2.4.0")
    assert library() is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("find_spec", lambda _: None),
        ("FUNCTIONS", {"LiteRtNoSuchFunction": ()}),
    ],
)
def test_there_is_no_library_where_it_lacks_anything(fresh, monkeypatch, name, value):
    monkeypatch.setattr(litert_library, name, value)
    assert library() is None
