"""How much memory a container may take, by control groups of both versions."""

import pytest
from control_group_files import GROUPS_V1, MOUNT_V2, MOUNTS_V1, write_groups

from models.runtime.memory_limit import memory_limit_bytes

MEGABYTE = 1024**2


def limited_v2(root, limits, path="/"):
    files = {f"sys/fs/cgroup{folder}/memory.max": content for folder, content in limits.items()}
    return write_groups(root, f"0::{path}\n", MOUNT_V2.format(inside="/"), files)


@pytest.mark.parametrize(
    ("content", "limit"), [("536870912\n", 512 * MEGABYTE), ("max\n", None), ("", None), ("0", None)]
)
def test_limit_of_version_2_is_read(tmp_path, content, limit):
    assert memory_limit_bytes(limited_v2(tmp_path, {"": content})) == limit


def test_least_limit_of_a_group_and_those_above_it_counts(tmp_path):
    limits = {"/pod": f"{300 * MEGABYTE}", "/pod/container": "max", "/pod/container/inner": f"{400 * MEGABYTE}"}
    assert memory_limit_bytes(limited_v2(tmp_path, limits, "/pod/container/inner")) == 300 * MEGABYTE


@pytest.mark.parametrize(("content", "limit"), [("134217728\n", 128 * MEGABYTE), ("9223372036854771712\n", None)])
def test_limit_of_version_1_is_read_and_its_number_for_none_is_none(tmp_path, content, limit):
    files = {"sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": content}
    root = write_groups(tmp_path, GROUPS_V1.format(path="/docker/abc"), MOUNTS_V1.format(inside="/"), files)
    assert memory_limit_bytes(root) == limit


def test_there_is_none_where_no_group_can_be_read(tmp_path):
    assert memory_limit_bytes(tmp_path) is None
