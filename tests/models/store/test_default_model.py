"""repository.json names the default model, or the error names what is wrong with it."""

import pytest
from small_artifacts import NAME

from models.errors import CorruptArtifact
from models.store.default_model import read_default
from models.store.repository import Repository


def test_without_the_file_or_the_folder_there_is_no_default(tmp_path):
    (tmp_path / "a-file").write_text("")
    assert read_default(tmp_path) is None
    assert Repository(tmp_path / "nowhere").default_name() is None
    assert Repository(tmp_path / "a-file").default_name() is None


def test_a_repository_names_its_default(repository, publish):
    publish()
    (repository.root / "repository.json").write_text(f'{{"default": "{NAME}"}}')
    assert repository.default_name() == NAME
    assert repository.names() == [NAME]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "repository.json is not well-formed JSON"),
        (b"[]", "repository.json must hold a JSON object, got list"),
        (b"{}", "repository.json must be {'default': <name of a model>}, got the keys []"),
        (b'{"default": "a", "x": 1}', "repository.json must be {'default': <name of a model>}, got the keys"),
        (b'{"default": "a", "default": "b"}', "the key 'default' is there twice"),
        (b'{"default": "../a"}', "a model name must be 1 to 64 of"),
        (b'{"default": 3}', "a model name must be 1 to 64 of"),
        (b" " * 70_000, "repository.json is larger than the limit of 65536 bytes"),
    ],
)
def test_broken_files_are_named(tmp_path, data, message):
    (tmp_path / "repository.json").write_bytes(data)
    with pytest.raises(CorruptArtifact) as caught:
        read_default(tmp_path)
    assert str(caught.value).startswith("repository.json of the repository is corrupt: ")
    assert message in str(caught.value)


def test_a_default_that_is_not_there_is_named_with_those_there_are(repository, publish):
    publish()
    (repository.root / "repository.json").write_text('{"default": "birds"}')
    with pytest.raises(CorruptArtifact) as caught:
        repository.default_name()
    assert str(caught.value) == (
        f"repository.json says that model 'birds' is the default, but the repository holds {NAME}"
    )
