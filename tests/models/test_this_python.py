import sys

import pytest

from models.this_python import this_python


@pytest.fixture
def environments(tmp_path, monkeypatch):
    """Make two environments whose interpreters are links to one, as those of `venv` are."""
    for name in ("train", "my serve"):
        folder = tmp_path / ".venv" / name / "bin"
        folder.mkdir(parents=True)
        (folder / "python").symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv/train/bin/python"))
    return tmp_path / ".venv"


def test_environment_that_is_activated_is_python(environments, monkeypatch):
    monkeypatch.setenv("PATH", str(environments / "train/bin"))
    assert this_python() == "python"


@pytest.mark.parametrize("path", ["my serve/bin", "none"])
def test_environment_that_is_not_on_the_path_is_named_as_in_the_readme(environments, monkeypatch, path):
    monkeypatch.setenv("PATH", str(environments / path))
    assert this_python() == ".venv/train/bin/python"


def test_environment_elsewhere_is_named_in_full_and_quoted(environments, monkeypatch):
    monkeypatch.setenv("PATH", str(environments / "train/bin"))
    monkeypatch.setattr(sys, "executable", str(environments / "my serve/bin/python"))
    monkeypatch.chdir(environments)
    assert this_python() == "'my serve/bin/python'"
    monkeypatch.chdir(environments / "train")
    assert this_python() == f"'{environments}/my serve/bin/python'"
