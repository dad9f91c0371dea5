"""What a repository holds, which version is stable, and what is wrong with the others."""

import json
import os
import shutil

import pytest
from small_artifacts import NAME, small_manifest, small_sources, snapshot

from models.errors import ArtifactError, CorruptArtifact, ModelNotFound, VersionNotFound


def routing_file(repository, name=NAME):
    return repository.root / name / "routing.json"


def test_round_trip(repository, publish):
    published = publish()
    assert published.path == repository.root / NAME / "1"
    assert repository.load(NAME) == published
    assert repository.load(NAME, 1) == published
    assert repository.names() == [NAME]
    assert repository.versions(NAME) == [1]
    assert repository.stable_version(NAME) == 1


def test_publish_picks_the_next_version_and_makes_it_stable(repository, publish):
    assert [publish(version=version).manifest.version for version in (7, 7, 1)] == [1, 2, 3]
    assert repository.versions(NAME) == [1, 2, 3]
    assert json.loads(routing_file(repository).read_text()) == {"stable": 3}
    assert repository.load(NAME).manifest.version == 3


def test_versions_are_ordered_as_numbers(repository, publish):
    publish()
    shutil.copytree(repository.root / NAME / "1", repository.root / NAME / "10")
    shutil.copytree(repository.root / NAME / "1", repository.root / NAME / "9")
    assert repository.versions(NAME) == [1, 9, 10]
    assert publish().manifest.version == 11


def test_only_versions_are_versions(repository, publish):
    publish()
    for name in ("01", "0", "-2", "1.5", "x", "²", ".tmp-7", "9" * 30):
        (repository.root / NAME / name).mkdir()
    (repository.root / NAME / "2").write_text("a file")
    assert repository.versions(NAME) == [1]
    assert publish().manifest.version == 3


def test_only_models_are_names(repository, publish):
    publish()
    for name in ("Upper", ".hidden", "__pycache__", "empty", "lost+found"):
        (repository.root / name).mkdir()
    (repository.root / "file").write_text("")
    assert repository.names() == [NAME]


def test_without_routing_the_highest_version_is_stable(repository, publish):
    publish()
    publish()
    routing_file(repository).unlink()
    assert repository.stable_version(NAME) == 2


def test_routing_decides_which_version_is_stable(repository, publish):
    publish()
    publish()
    routing_file(repository).write_text('{"stable": 1}')
    assert repository.load(NAME).manifest.version == 1
    assert repository.load(NAME, 2).manifest.version == 2


def test_a_version_in_place_of_the_stable_one_becomes_stable(repository, publish, tmp_path):
    publish()
    publish()
    repository.promote(NAME, 1)
    repository.publish(small_manifest(), small_sources(tmp_path), in_place_of=1)
    assert repository.stable_version(NAME) == 3


def test_version_that_does_not_become_stable_leaves_the_stable_one(repository, publish, tmp_path):
    repository.publish(small_manifest(), small_sources(tmp_path), becomes_stable=False)
    assert repository.stable_version(NAME) == 1  # a model has a stable version
    for in_place_of in (None, 1):
        repository.publish(small_manifest(), small_sources(tmp_path), in_place_of=in_place_of, becomes_stable=False)
        assert repository.stable_version(NAME) == 1
    assert repository.versions(NAME) == [1, 2, 3]


def test_publish_keeps_what_else_routing_says(repository, publish):
    publish()
    routing_file(repository).write_text('{"of a newer release": {"version": 1}, "stable": 1}')
    publish()
    assert json.loads(routing_file(repository).read_text()) == {"of a newer release": {"version": 1}, "stable": 2}


BROKEN_ROUTING = [
    (b"", "routing.json is not well-formed JSON"),
    (b"[1]", "routing.json must hold a JSON object, got list"),
    (b"{}", "routing.json does not say which version is stable"),
    (b'{"stable": "1"}', "a version must be a whole number >= 1"),
    (b'{"stable": true}', "a version must be a whole number >= 1"),
    (b'{"stable": -1}', "a version must be a whole number >= 1"),
    (b'{"stable": 1, "stable": 2}', "the key 'stable' is there twice"),
    (b'{"stable": ' + b"[" * 20_000, "routing.json is nested deeper than 32 levels"),
    (b" " * 70_000, "routing.json is larger than the limit of 65536 bytes"),
]


@pytest.mark.parametrize(("data", "message"), BROKEN_ROUTING)
def test_broken_routing_is_an_error_and_stops_a_publisher_before_it_writes(repository, publish, data, message):
    publish()
    routing_file(repository).write_bytes(data)
    before = snapshot(repository.root)
    for act in (lambda: repository.load(NAME), publish):
        with pytest.raises(CorruptArtifact) as caught:
            act()
        assert str(caught.value).startswith("the routing of model 'flowers' is corrupt: ")
        assert message in str(caught.value)
    assert snapshot(repository.root) == before
    assert repository.load(NAME, 1).manifest.version == 1


def test_routing_to_a_missing_version_is_an_error_that_the_next_publisher_mends(repository, publish):
    publish()
    routing_file(repository).write_text('{"stable": 9}')
    with pytest.raises(CorruptArtifact, match=r"says that version 9 is stable, but the model has 1$"):
        repository.load(NAME)
    publish()
    assert repository.stable_version(NAME) == 2


def test_a_missing_model_is_named_with_those_there_are(repository, publish):
    publish()
    publish(name="birds")
    for act in (repository.load, repository.versions, repository.stable_version):
        with pytest.raises(ModelNotFound, match=r"^there is no model 'cars'; the repository holds birds, flowers$"):
            act("cars")


def test_a_missing_repository_holds_nothing(repository):
    assert repository.names() == []
    with pytest.raises(ModelNotFound, match=r"^there is no model 'flowers'; the repository holds none$"):
        repository.load(NAME)
    assert not repository.root.exists()


def test_a_missing_version_is_named_with_those_there_are(repository, publish):
    publish()
    publish()
    for version in (3, 0, -1, 10**30):
        with pytest.raises(VersionNotFound) as caught:
            repository.load(NAME, version)
        assert str(caught.value) == f"model 'flowers' has no version {version}; it has 1, 2"


@pytest.mark.parametrize(
    "name", ["../flowers", "/etc", ".", "", "flowers/1", "FLOWERS", "flowers\n", "a\0b", "x" * 999]
)
def test_a_name_that_is_none_is_not_looked_up(repository, publish, name):
    publish()
    with pytest.raises(ModelNotFound) as caught:
        repository.load(name)
    assert len(str(caught.value)) < 200
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("place", ["flowers/2", "birds/1"])
def test_a_version_in_another_place_is_corrupt(repository, publish, place):
    shutil.copytree(publish().path, repository.root / place)
    name, version = place.split("/")
    with pytest.raises(CorruptArtifact) as caught:
        repository.load(name, int(version))
    assert str(caught.value) == (
        f"model '{name}' version {version} is corrupt: its manifest is that of model 'flowers' version 1"
    )


def test_a_corrupt_version_does_not_harm_the_others(repository, publish):
    publish()
    (publish().path / "model.tflite").write_bytes(b"")
    with pytest.raises(CorruptArtifact, match=r"model 'flowers' version 2 is corrupt: model\.tflite has changed"):
        repository.load(NAME)
    assert repository.load(NAME, 1).manifest.version == 1
    assert publish().manifest.version == 3
    assert repository.load(NAME).manifest.version == 3


def test_reading_writes_nothing(repository, publish):
    publish()
    publish()
    before = snapshot(repository.root)
    repository.names()
    repository.load(NAME)
    repository.load(NAME, 1, verify=False)
    with pytest.raises(ModelNotFound):
        repository.load("cars")
    assert snapshot(repository.root) == before


def test_a_model_that_cannot_be_read_is_named_and_does_not_harm_the_others(repository, publish, monkeypatch):
    publish()
    publish(name="birds")
    (repository.root / "loop").symlink_to("loop")
    scandir = os.scandir

    def fail_in_birds(path):
        if path == repository.root / "birds":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", fail_in_birds)
    assert repository.names() == ["birds", NAME, "loop"]
    assert repository.load(NAME).manifest.name == NAME
    for name, reason in (("birds", "Permission denied"), ("loop", "Too many levels of symbolic links")):
        with pytest.raises(ArtifactError, match=f"^model '{name}' cannot be read: {reason}$"):
            repository.load(name)


def test_errors_show_no_path_of_the_host(repository, publish, monkeypatch):
    publish()

    def fail(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", fail)
    with pytest.raises(ArtifactError, match=r"^the repository cannot be read: Permission denied$"):
        repository.names()
