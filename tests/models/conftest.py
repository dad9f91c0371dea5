"""A repository, and how its tests fill it."""

from __future__ import annotations

import pytest
from small_artifacts import small_manifest, small_sources

from models.store.repository import Repository


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "repository")


@pytest.fixture
def publish(repository, tmp_path):
    def publish(content=b"weights", **changes):
        return repository.publish(small_manifest(**changes), small_sources(tmp_path, content))

    return publish
