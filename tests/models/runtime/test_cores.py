"""How many cores there are, by affinity and by the container's quota."""

from __future__ import annotations

import os

import pytest

from models.runtime.cores import available_cores


@pytest.mark.parametrize(("quota", "num_cores"), [("50000 100000", 1), ("100000 100000", 1), ("max 100000", None)])
def test_quota_of_the_container_counts(tmp_path, quota, num_cores):
    (tmp_path / "cpu.max").write_text(quota)
    assert available_cores(tmp_path / "cpu.max") == (num_cores or len(os.sched_getaffinity(0)))


def test_fraction_of_a_core_is_rounded_up(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)), raising=False)
    (tmp_path / "cpu.max").write_text("150000 100000")
    assert available_cores(tmp_path / "cpu.max") == 2


@pytest.mark.parametrize("content", ["", "garbage", "1 0 0"])
def test_unreadable_quota_is_no_quota(tmp_path, content):
    (tmp_path / "cpu.max").write_text(content)
    assert available_cores(tmp_path / "cpu.max") == len(os.sched_getaffinity(0))
    assert available_cores(tmp_path / "missing") == len(os.sched_getaffinity(0))
