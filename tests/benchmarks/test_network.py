import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import network

REPO = Path(__file__).resolve().parent.parent.parent


@pytest.mark.e2e
def test_hosts_answer_at_addresses_of_their_own_until_their_cable_is_pulled(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "own_hosts", tmp_path],
        cwd=Path(__file__).parent,
        env={**os.environ, "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(ran.stdout)
    if why_not := told.get("why_not"):
        pytest.skip(f"no network namespaces here: {why_not}")
    assert told == {"addresses": ["198.18.0.10", "198.18.0.11"], "answered": [200, 200], "after": [None, 200]}
    links = subprocess.run([network.IP, "link"], capture_output=True, text=True, check=True).stdout
    assert network.SWITCH not in links


def test_want_of_a_program_or_of_leave_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert network.enter("nothing", []) == "unshare is not installed"
    for name in ("unshare", "nsenter", "ip"):
        (tmp_path / name).write_text("#!/bin/sh\necho Operation not permitted >&2; exit 1\n")
        (tmp_path / name).chmod(0o755)
    assert network.enter("nothing", []) == "Operation not permitted"


def test_hosts_on_loopback_have_ports_of_their_own():
    hosts = network.on_loopback(3)
    assert {host.address for host in hosts} == {"127.0.0.1"}
    assert len({host.port for host in hosts}) == 3
    assert {(host.enter, host.cable) for host in hosts} == {((), None)}


def test_more_hosts_than_there_are_addresses_are_refused():
    with pytest.raises(ValueError, match="at most 200, got 201"):
        network.cluster(201)
