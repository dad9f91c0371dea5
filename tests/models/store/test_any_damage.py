"""Whatever became of a file of a repository, its reader says what is wrong, or gives what was written."""

from __future__ import annotations

import pytest
from damage import damaged, damages
from hypothesis import given
from hypothesis import strategies as st
from small_artifacts import NAME, contents, small_manifest, small_sources

from models.errors import OpsinError
from models.store.canary import Canary
from models.store.history import Change
from models.store.operating_points import OperatingPoint
from models.store.repository import Repository
from models.store.rollout import start_canary

VERSIONS = (1, 2)


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    """Two versions, of which one is a canary, and every file that stands beside them."""
    folder = tmp_path_factory.mktemp("damaged")
    repository = Repository(folder / "repository")
    for content in (b"one", b"two"):
        repository.publish(small_manifest(), small_sources(folder, content), becomes_stable=False)
    start_canary(repository, NAME, Canary(2, 10))
    repository.set_operating_point(NAME, 1, OperatingPoint((0.5, None, 0.9), "precision 0.9"))
    (repository.root / "repository.json").write_text(f'{{"default": "{NAME}"}}')
    return repository


def seen(repository):
    """What each kind of reading gives, or its error."""
    return {
        "names": told(repository.names),
        "default": told(repository.default_name),
        "stable": told(lambda: repository.stable_version(NAME)),
        "canary": told(lambda: repository.canary(NAME)),
        "history": told(lambda: repository.history(NAME)),
        "point": told(lambda: repository.operating_point(NAME, 1, num_classes=3)),
        **{f"version {version}": told(lambda it=version: repository.load(NAME, it)) for version in VERSIONS},
    }


def told(read):
    try:
        return read()
    except OpsinError as error:
        return error


@given(st.data())
def test_reader_of_a_damaged_repository_says_what_is_wrong_or_gives_what_was_written(intact, data):
    files = sorted(path for path in intact.root.rglob("*") if path.is_file() and path.stat().st_size)
    before = seen(intact)
    written = {version: contents(before[f"version {version}"]) for version in VERSIONS}
    with damaged(*data.draw(damages(files))):
        now = seen(intact)
        for version in VERSIONS:
            artifact = now[f"version {version}"]
            assert isinstance(artifact, OpsinError) or (artifact, contents(artifact)) == (
                before[f"version {version}"],
                written[version],
            )
        assert now["names"] == [NAME]
        assert isinstance(now["stable"], OpsinError) or now["stable"] in VERSIONS
        assert isinstance(now["canary"], Canary | OpsinError | None)
        assert isinstance(now["point"], OperatingPoint | OpsinError | None)
        assert all(isinstance(change, Change) for change in now["history"])
        for error in now.values():
            assert not isinstance(error, OpsinError) or is_for_anybody(str(error), intact)
    assert seen(intact) == before


def is_for_anybody(message, repository):
    return message.isprintable() and str(repository.root) not in message and len(message) < 2000
