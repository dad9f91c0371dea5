import re

import pytest

from benchmarks.peers import environments
from benchmarks.peers.contestants import PEERS
from benchmarks.peers.environments import REQUIREMENTS, EnvironmentFailed, python_of, version_of


@pytest.fixture
def requirements(tmp_path):
    folder = tmp_path / "requirements"
    folder.mkdir()
    (folder / "peer.txt").write_text("")
    return folder


def test_environment_is_made_once_and_anew_for_another_lock(tmp_path, requirements, monkeypatch):
    commands = []

    def run(command, **_):
        commands.append([str(part) for part in command])
        (tmp_path / "peer").mkdir(exist_ok=True)
        return type("Made", (), {"returncode": 0})()

    monkeypatch.setattr(environments.subprocess, "run", run)
    assert python_of("peer", tmp_path, requirements) == tmp_path / "peer" / "bin" / "python"
    assert [command[1:3] for command in commands] == [["-m", "venv"], ["-m", "pip"]]
    assert "--require-hashes" in commands[1]
    python_of("peer", tmp_path, requirements)
    assert len(commands) == 2
    (requirements / "peer.txt").write_text("another\n")
    python_of("peer", tmp_path, requirements)
    assert len(commands) == 4


def test_environment_that_cannot_be_made_says_what_pip_said(tmp_path, requirements, monkeypatch):
    failed = type("Failed", (), {"returncode": 1, "stderr": "much\nERROR: no wheel for this machine\n"})()
    monkeypatch.setattr(environments.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(EnvironmentFailed, match="no wheel for this machine"):
        python_of("peer", tmp_path, requirements)
    assert not (tmp_path / "peer" / "lock.txt").exists()


@pytest.mark.parametrize("peer", sorted({peer.start.peer for peer in PEERS}))
def test_every_peer_has_its_own_lock_with_a_hash_for_each_package(peer):
    lock = (REQUIREMENTS / f"{peer}.txt").read_text()
    packages = re.split(r"\n(?=[a-z])", lock.strip())
    assert all("--hash=sha256:" in package for package in packages)
    assert version_of(peer)[0].isdigit()
