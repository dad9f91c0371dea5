"""Files of a container: in which control groups a process is, where they are mounted, and their limits."""

MOUNT_V2 = "30 23 0:26 {inside} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
MOUNTS_V1 = (
    "31 23 0:27 {inside} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "32 23 0:28 {inside} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
)
GROUPS_V1 = "9:memory:{path}\n4:cpu,cpuacct:{path}\n1:name=systemd:{path}\n0::/elsewhere\n"


def write_groups(root, membership, mounts, files):
    """Write /proc/self/cgroup, /proc/self/mountinfo and limits below a folder; returns it."""
    for name, content in {"proc/self/cgroup": membership, "proc/self/mountinfo": mounts, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root
