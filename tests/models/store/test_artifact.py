import hashlib
import os
import shutil
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_artifacts import FILES, contents, small_manifest, small_sources, snapshot, write_artifact

from models.errors import ArtifactError, CorruptArtifact, FormatMissing, VersionExists
from models.store.artifact import read_artifact
from models.store.manifest import ModelFile

unhurried = settings(deadline=None)  # the machine may have other work to do


@pytest.fixture
def artifact(tmp_path):
    return write_artifact(tmp_path / "flowers", small_manifest(version=3), small_sources(tmp_path))


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    """One artifact for tests that put back what they change."""
    folder = tmp_path_factory.mktemp("intact")
    return write_artifact(folder / "flowers", small_manifest(version=3), small_sources(folder))


def corruption(artifact):
    with pytest.raises(CorruptArtifact) as caught:
        read_artifact(artifact.path)
    message = str(caught.value)
    assert message.startswith("model 'flowers' version 3 is corrupt: ")
    assert "/flowers" not in message
    assert message.isprintable()
    return message.removeprefix("model 'flowers' version 3 is corrupt: ")


def test_round_trip(artifact, tmp_path):
    assert artifact.path == tmp_path / "flowers" / "3"
    assert read_artifact(artifact.path) == artifact
    assert sorted(artifact.manifest.files) == FILES
    assert contents(artifact) == {
        "model.tflite": b"TFL3weights",
        "saved_model/saved_model.pb": b"graph of weights",
        "saved_model/variables/variables.index": b"weights" * 3,
    }
    assert artifact.manifest.files["model.tflite"] == hashlib.sha256(b"TFL3weights").hexdigest()
    assert replace(artifact.manifest, files={}) == small_manifest(version=3)
    assert artifact.size_bytes == 11 + 16 + 21


def test_engine_path(artifact):
    assert artifact.model_path("litert") == artifact.path / "model.tflite"
    assert artifact.model_path("tensorflow") == artifact.path / "saved_model"


def test_engine_that_is_missing_is_named_with_those_there_are(tmp_path):
    manifest = small_manifest(formats={"litert": ModelFile("model.tflite", "int8")})
    artifact = write_artifact(tmp_path / "flowers", manifest, small_sources(tmp_path))
    with pytest.raises(FormatMissing) as caught:
        artifact.model_path("tensorflow")
    assert str(caught.value) == (
        "model 'flowers' version 1 has no file for the engine 'tensorflow'; it has litert (int8). "
        "Where its training run is at hand, `python -m optimize export --for gpu flowers:1 --workdir RUN` publishes a "
        "version that has both"
    )


@unhurried
@given(st.data())
def test_any_changed_byte_is_found(intact, data):
    path = intact.path / data.draw(st.sampled_from([*FILES, "manifest.json"]))
    original = path.read_bytes()
    changed = bytearray(original)
    changed[data.draw(st.integers(0, len(original) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(changed)
    try:
        corruption(intact)
    finally:
        path.write_bytes(original)
    assert read_artifact(intact.path) == intact


@unhurried
@given(st.data())
def test_a_file_of_another_length_is_found(intact, data):
    path = intact.path / data.draw(st.sampled_from([*FILES, "manifest.json"]))
    original = path.read_bytes()
    shorter = data.draw(st.integers(0, len(original) - 1).map(lambda length: original[:length]))
    path.write_bytes(data.draw(st.sampled_from([shorter, original + b"\0", original + b"\n"])))
    try:
        corruption(intact)
    finally:
        path.write_bytes(original)


@pytest.mark.parametrize("file", FILES)
def test_a_changed_file_is_named(artifact, file):
    (artifact.path / file).write_bytes(b"other")
    assert corruption(artifact) == f"{file} has changed since it was published (its sha256 differs)"


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file_is_named(artifact, file):
    (artifact.path / file).unlink()
    assert corruption(artifact) == f"'{file}' is listed in manifest.json but missing"


def test_a_missing_folder_is_found(artifact):
    shutil.rmtree(artifact.path / "saved_model")
    message = corruption(artifact)
    assert message == "'saved_model/saved_model.pb' is listed in manifest.json but missing (and 1 more)"


@pytest.mark.parametrize("path", ["extra.txt", ".DS_Store", "saved_model/extra", "saved_model/manifest.json", "\udcff"])
def test_an_added_file_is_named(artifact, path):
    (artifact.path / path).write_bytes(b"")
    assert corruption(artifact) == f"{path!r} is there but not listed in manifest.json"


@pytest.mark.parametrize("path", ["extra", "saved_model/assets"])
def test_an_added_folder_is_named_though_it_is_empty(artifact, path):
    (artifact.path / path).mkdir()
    assert corruption(artifact) == f"{path!r} is a folder that holds nothing listed in manifest.json"


@pytest.mark.parametrize("path", [*FILES, "saved_model", "saved_model/variables"])
def test_a_link_in_the_place_of_a_file_is_not_followed(artifact, tmp_path, path):
    (artifact.path / path).rename(tmp_path / "elsewhere")
    (artifact.path / path).symlink_to(tmp_path / "elsewhere")
    assert corruption(artifact) == f"{path!r} is neither a file nor a folder (links are not followed)"


def test_a_manifest_that_is_a_link_is_not_followed(artifact, tmp_path):
    (artifact.path / "manifest.json").rename(tmp_path / "elsewhere")
    (artifact.path / "manifest.json").symlink_to(tmp_path / "elsewhere")
    assert corruption(artifact) == "manifest.json is not a regular file"


@pytest.mark.parametrize("path", ["model.tflite", "manifest.json"])
def test_a_pipe_does_not_block_the_reader(artifact, path):
    (artifact.path / path).unlink()
    os.mkfifo(artifact.path / path)
    assert "file" in corruption(artifact)


def test_a_file_that_became_a_folder_is_found(artifact):
    (artifact.path / "model.tflite").unlink()
    (artifact.path / "model.tflite").mkdir()
    assert corruption(artifact) == "'model.tflite' is listed in manifest.json but missing"


def test_a_missing_manifest_is_named(artifact):
    (artifact.path / "manifest.json").unlink()
    assert corruption(artifact) == "manifest.json is missing"


def test_what_is_no_artifact_is_named_without_its_path(tmp_path):
    with pytest.raises(CorruptArtifact, match=r"^the artifact is corrupt: manifest.json is missing$"):
        read_artifact(tmp_path / "nothing")


def test_an_unreadable_file_is_an_error_without_a_path(artifact, monkeypatch):
    def fail(path, *args):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(ArtifactError, match=r"^model 'flowers' version 3 cannot be read: Permission denied$"):
        read_artifact(artifact.path)


def test_without_verify_only_the_manifest_is_read(artifact):
    (artifact.path / "model.tflite").write_bytes(b"other")
    assert read_artifact(artifact.path, verify=False) == artifact


def test_reading_writes_nothing(artifact):
    before = snapshot(artifact.path.parent)
    read_artifact(artifact.path)
    assert snapshot(artifact.path.parent) == before


def test_a_version_is_never_overwritten(artifact, tmp_path):
    before = snapshot(artifact.path)
    with pytest.raises(VersionExists, match=r"^model 'flowers' has a version 3 already$"):
        write_artifact(artifact.path.parent, small_manifest(version=3), small_sources(tmp_path, b"other"))
    assert snapshot(artifact.path) == before
    assert [path.name for path in artifact.path.parent.iterdir()] == ["3"]


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({"model.tflite": "nowhere"}, "'model.tflite' cannot be published: there is no such file or folder"),
        ({"model.tflite": "float.tflite"}, "the engine tensorflow needs 'saved_model', which is not among the files"),
        ({"../model.tflite": "float.tflite"}, "must be relative and stay inside it, got '../model.tflite'"),
        ({"manifest.json": "float.tflite"}, "manifest.json is written by the artifact itself"),
        ({"a": "exported", "a/saved_model.pb": "float.tflite"}, "'a/saved_model.pb' cannot be published: it is given"),
        ({"a": "float.tflite", "a/b": "float.tflite"}, "'a' is listed as a file and is also the folder of another"),
        ({"a": "linked"}, "'a/link' cannot be published: it is no file and no folder"),
    ],
)
def test_files_that_make_no_artifact_are_refused_before_anything_is_written(tmp_path, sources, message):
    small_sources(tmp_path)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "link").symlink_to(tmp_path / "float.tflite")
    with pytest.raises(ArtifactError) as caught:
        write_artifact(
            tmp_path / "flowers", small_manifest(), {path: tmp_path / source for path, source in sources.items()}
        )
    assert message in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    assert not (tmp_path / "flowers").exists()


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(handle, data):
        raise OSError(28, "No space left on device")

    sources = small_sources(tmp_path)
    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(
        ArtifactError, match=r"^a version of model 'flowers' cannot be written: No space left on device$"
    ):
        write_artifact(tmp_path / "flowers", small_manifest(), sources)
    assert list((tmp_path / "flowers").iterdir()) == []


def test_other_users_may_read_what_the_umask_lets_them(tmp_path):
    umask = os.umask(0o022)
    try:
        artifact = write_artifact(tmp_path / "flowers", small_manifest(), small_sources(tmp_path))
    finally:
        os.umask(umask)
    assert artifact.path.stat().st_mode & 0o777 == 0o755
    assert (artifact.path / "model.tflite").stat().st_mode & 0o777 == 0o644


def test_everything_is_on_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    synced = set()
    unsynced = []
    fsync, rename = os.fsync, os.rename

    def recording_fsync(handle):
        synced.add(os.fstat(handle).st_ino)
        fsync(handle)

    def checking_rename(source, target):
        unsynced.extend(path for path in [source, *source.rglob("*")] if path.stat().st_ino not in synced)
        synced.discard(source.parent.stat().st_ino)
        rename(source, target)

    monkeypatch.setattr(os, "fsync", recording_fsync)
    monkeypatch.setattr(os, "rename", checking_rename)
    artifact = write_artifact(tmp_path / "repository" / "flowers", small_manifest(), small_sources(tmp_path))
    assert unsynced == []
    folders = [artifact.path.parent, artifact.path.parent.parent, tmp_path]
    assert all(folder.stat().st_ino in synced for folder in folders)


def test_large_files_are_not_held_in_memory(tmp_path):
    sources = small_sources(tmp_path)
    os.truncate(sources["model.tflite"], 24 * 1024**2)
    tracemalloc.start()
    try:
        read_artifact(write_artifact(tmp_path / "flowers", small_manifest(), sources).path)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 6 * 1024**2
