"""Which runtimes are installed is known without loading them."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from types import SimpleNamespace

import pytest

from models.runtime_choice import installed


def found(versions, package):
    if package not in versions:
        raise PackageNotFoundError(package)
    return versions[package]


def test_installed_runtimes_have_their_versions(monkeypatch):
    versions = {"ai-edge-litert": "2.3.0", "openvino": "2026.4.1"}
    monkeypatch.setattr(installed, "version", lambda package: found(versions, package))
    assert installed.installed_runtimes() == {"litert": "2.3.0", "openvino": "2026.4.1"}


@pytest.mark.parametrize("package", ["onnxruntime", "onnxruntime-gpu"])
def test_onnx_runtime_is_found_by_either_of_its_packages(monkeypatch, package):
    monkeypatch.setattr(installed, "version", lambda name: found({package: "1.32.0"}, name))
    assert installed.installed_runtimes() == {"onnxruntime": "1.32.0"}


def test_a_runtime_is_for_artifacts_that_have_a_file_for_it():
    both = {"litert": "1", "openvino": "2", "onnxruntime": "3"}
    for formats, runtimes in (
        (["litert"], ["litert", "openvino"]),
        (["onnx"], ["onnxruntime"]),
        (["litert", "onnx"], ["litert", "openvino", "onnxruntime"]),
        (["tensorflow"], []),
    ):
        artifact = SimpleNamespace(manifest=SimpleNamespace(formats=dict.fromkeys(formats)))
        assert installed.runtimes_for(artifact, both) == runtimes


def test_those_that_are_not_installed_are_left_out(monkeypatch):
    def litert_alone(package):
        if package != "ai-edge-litert":
            raise PackageNotFoundError(package)
        return version(package)

    monkeypatch.setattr(installed, "version", litert_alone)
    assert [*installed.installed_runtimes()] == ["litert"]
