"""A version whose file nobody runs."""

from __future__ import annotations

import pytest
from small_artifacts import small_manifest, small_sources

from models.store.repository import Repository


@pytest.fixture
def artifact(tmp_path):
    return Repository(tmp_path / "repository").publish(small_manifest(), small_sources(tmp_path))
