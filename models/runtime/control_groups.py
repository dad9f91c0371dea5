"""Finds the control groups that limit this process, of version 1 and 2 (cgroups(7)): a container is one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path("/")


def groups(controller: str, root: Path = ROOT) -> Iterator[Path]:
    """Find the folders of the groups that a controller limits this process by, the innermost first.

    A group gets no more than the groups above it, whatever its own limit says.

    Args:
        controller: "cpu" or "memory".
        root: where /proc and the control groups are.
    """
    try:
        memberships = [line.split(":", 2) for line in (root / "proc/self/cgroup").read_text().splitlines()]
        mounts = [line.split() for line in (root / "proc/self/mountinfo").read_text().splitlines()]
    except OSError:
        return
    for _, controllers, path in (membership for membership in memberships if len(membership) == 3):
        for mount in mounts:
            # proc_pid_mountinfo(5): what is mounted, and where; after a dash the type, and last its options.
            kind, options = mount[mount.index("-") + 1], mount[-1].split(",")
            is_v1 = kind == "cgroup" and controller in options and controller in controllers.split(",")
            if not is_v1 and not (kind == "cgroup2" and not controllers):
                continue
            mounted, inside = PurePosixPath(mount[3]), PurePosixPath(path)
            # A container may see the path of its host, or of another namespace, and its own group alone is mounted.
            is_inside = inside.is_relative_to(mounted) and ".." not in inside.parts
            inside = inside.relative_to(mounted) if is_inside else PurePosixPath()
            yield from (root / mount[4].lstrip("/") / part for part in (inside, *inside.parents))
