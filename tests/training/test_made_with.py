"""What a manifest says of the code and the machine that made a version."""

from __future__ import annotations

import json
import platform
import subprocess

import pytest

from training.made_with import commit_of, made_with


@pytest.fixture
def checkout(tmp_path):
    def git(*arguments):
        identity = ["-c", "user.name=A", "-c", "user.email=a@b.example"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        subprocess.run(command, check=True, capture_output=True)

    git("init")
    (tmp_path / "file").write_text("a")
    git("add", "file")
    git("commit", "-m", "first")
    return tmp_path


def test_commit_is_named_with_whether_files_differ_from_it(checkout):
    commit = commit_of(checkout)
    assert len(commit) == 40
    (checkout / "file").write_text("b")
    assert commit_of(checkout) == f"{commit} with changes"


def test_no_checkout_has_no_commit(tmp_path):
    assert commit_of(tmp_path) is None


def test_packages_and_machine_are_told_without_its_name():
    told = made_with(["numpy"])
    assert told["packages"].keys() == {"numpy"}
    assert told["machine"]["num_cores"] >= 1
    assert platform.node() not in json.dumps(told) or not platform.node()
