"""How many cores there are, by affinity and by the container's quota."""

from __future__ import annotations

import os
from functools import partial

import pytest
from control_group_files import GROUPS_V1, MOUNT_V2, MOUNTS_V1, write_groups

from models.runtime.cores import available_cores, cpu_quotas


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)), raising=False)


@pytest.fixture
def group(tmp_path):
    """Say in which control group this process is, and what is mounted; gives the root of a file system."""
    return partial(write_groups, tmp_path)


def group_v2(group, path, quotas, inside="/"):
    files = {f"sys/fs/cgroup{folder}/cpu.max": content for folder, content in quotas.items()}
    return group(f"0::{path}\n", MOUNT_V2.format(inside=inside), files)


@pytest.mark.parametrize(
    ("quota", "num_cores"),
    [("50000 100000", 1), ("100000 100000", 1), ("150000 100000", 2), ("max 100000", 8), ("1600000 100000", 8)],
)
def test_quota_of_the_container_counts_and_is_rounded_up(group, quota, num_cores):
    assert available_cores(group_v2(group, "/", {"": quota})) == num_cores


def test_least_quota_of_a_group_and_those_above_it_counts(group):
    quotas = {"/pod": "300000 100000", "/pod/container": "max 100000", "/pod/container/inner": "400000 100000"}
    root = group_v2(group, "/pod/container/inner", quotas)
    assert list(cpu_quotas(root)) == [4.0, 3.0]
    assert available_cores(root) == 3


@pytest.mark.parametrize("path", ["/kubepods/pod1/abc", "/kubepods/pod1/abc/inner"])
def test_container_that_sees_the_path_of_its_host_finds_its_own_group(group, path):
    root = group_v2(group, path, {"": "200000 100000", "/inner": "100000 100000"}, inside="/kubepods/pod1/abc")
    assert available_cores(root) == (1 if path.endswith("inner") else 2)


def test_container_whose_path_is_of_another_namespace_finds_its_own_group(group):
    assert available_cores(group_v2(group, "/../../other", {"": "200000 100000"})) == 2


@pytest.mark.parametrize(("inner", "outer", "num_cores"), [(-1, 200000, 2), (300000, -1, 3), (-1, -1, 8)])
def test_quotas_of_version_1_count(group, inner, outer, num_cores):
    files = {}
    for folder, quota in (("/docker/abc", inner), ("/docker", outer)):
        files[f"sys/fs/cgroup/cpu,cpuacct{folder}/cpu.cfs_quota_us"] = f"{quota}\n"
        files[f"sys/fs/cgroup/cpu,cpuacct{folder}/cpu.cfs_period_us"] = "100000\n"
    root = group(GROUPS_V1.format(path="/docker/abc"), MOUNTS_V1.format(inside="/"), files)
    assert available_cores(root) == num_cores


@pytest.mark.parametrize("content", ["", "garbage", "1 0 0", "100000 0", "-5 100000"])
def test_unreadable_quota_is_no_quota(group, content):
    assert available_cores(group_v2(group, "/", {"": content})) == 8


@pytest.mark.parametrize("membership", ["", "garbage\n"])
def test_unreadable_group_is_no_quota(group, tmp_path, membership):
    assert available_cores(group(membership, "", {})) == 8
    assert available_cores(tmp_path / "missing") == 8
