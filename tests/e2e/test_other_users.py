"""Another user of the machine gets at nothing of a server's, be its umask as it may."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from colours import RED, label_of
from running_server import open_files, pids_of_session

pytestmark = pytest.mark.e2e

NOBODY = 65534
# Becomes another user, and prints what it gets at of processes, whose numbers it is given, and of folders.
ATTEMPTS = """
import ctypes, json, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
class Piece(ctypes.Structure):
    _fields_ = [("start", ctypes.c_void_p), ("size", ctypes.c_size_t)]
def read_memory(pid):
    with open(f"/proc/{pid}/maps") as maps:
        start = int(maps.readline().partition("-")[0], 16)
    buffer = ctypes.create_string_buffer(16)
    own, its = Piece(ctypes.addressof(buffer), 16), Piece(start, 16)
    if libc.process_vm_readv(pid, ctypes.byref(own), 1, ctypes.byref(its), 1, 0) < 0:
        raise OSError(ctypes.get_errno(), "process_vm_readv")
def take_descriptor(pid):
    os.open(f"/proc/{pid}/fd/{os.listdir(f'/proc/{pid}/fd')[0]}", os.O_PATH)
def read_all(folder):
    for name in os.listdir(folder):
        open(os.path.join(folder, name), "rb").read(1)
def write_into(folder):
    open(os.path.join(folder, "mine"), "x").close()
    os.unlink(os.path.join(folder, "mine"))
user, pids, folders = json.loads(sys.argv[1])
os.setgroups([])
os.setgid(user)
os.setuid(user)
reached = []
attempts = [(how, pid) for pid in pids for how in (
    read_memory, take_descriptor, lambda pid: open(f"/proc/{pid}/mem", "rb"),
    lambda pid: open(f"/proc/{pid}/environ").read(), lambda pid: os.kill(pid, 0))]
attempts += [(how, folder) for folder in folders for how in (read_all, write_into)]
for how, what in attempts:
    try:
        how(what)
    except OSError:
        continue
    reached.append(str(what))
print(json.dumps(reached))
"""


@pytest.fixture
def no_umask():
    """A umask that takes nothing away, as that of a careless service file."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def running(start, no_umask, tmp_path):
    running = start(TMPDIR=str(tmp_path)).wait_until_ready()
    assert label_of(running.request("POST", "/predict", RED)) == "red"
    return running


def reached(running, user):
    """What a process of a user gets at, and all that there is."""
    pids, folders = sorted(pids_of_session(running.process.pid)), [str(path) for path in running.memory]
    assert folders
    command = [sys.executable, "-I", "-S", "-c", ATTEMPTS, json.dumps([user, pids, folders])]
    attempt = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(attempt.stdout), [*map(str, pids), *folders]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_user_reads_no_memory_and_no_file_and_sends_no_signal(running):
    mine, there_is = reached(running, 0)
    assert set(mine) == set(there_is)  # or the attempts would show nothing
    assert reached(running, NOBODY)[0] == []
    assert running.stop()[0] == 0


def test_files_that_the_server_makes_are_its_users_alone(running, tmp_path):
    made = {Path(path) for pid in pids_of_session(running.process.pid) for path in open_files(pid)}
    made = {path for path in made if str(path).startswith(("/dev/shm/", str(tmp_path))) and path.exists()}  # noqa: S108
    assert made
    for path in made:
        modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, *path.parents) if "opsin" in each.name]
        assert any(not mode & 0o077 for mode in modes), path
    assert [path for path in tmp_path.rglob("*") if path.stat().st_mode & 0o077] == []


def test_sockets_of_the_processes_have_no_name(running):
    inodes = set()
    for pid in pids_of_session(running.process.pid):
        inodes |= {str(path).removeprefix("socket:[")[:-1] for path in open_files(pid) if "socket:[" in str(path)}
    rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    own = [row for row in rows if row[6] in inodes]
    assert own
    assert [row for row in own if len(row) > 7] == []
