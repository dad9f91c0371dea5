"""Which runtimes are installed is known without loading them."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from models.runtime_choice import installed


def test_installed_runtimes_have_their_versions(monkeypatch):
    versions = {"ai-edge-litert": "2.3.0", "openvino": "2026.4.1"}
    monkeypatch.setattr(installed, "version", versions.__getitem__)
    assert installed.installed_runtimes() == {"litert": "2.3.0", "openvino": "2026.4.1"}


def test_those_that_are_not_installed_are_left_out(monkeypatch):
    def litert_alone(package):
        if package != "ai-edge-litert":
            raise PackageNotFoundError(package)
        return version(package)

    monkeypatch.setattr(installed, "version", litert_alone)
    assert [*installed.installed_runtimes()] == ["litert"]
