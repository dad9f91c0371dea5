import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version

from models.runtime.cores import available_cores
from models.runtime.processor import cpu_name
from optimize.report.machine import describe_machine


def test_machine_is_this_one_now(monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (0.126, 5.0, 9.0))
    started = datetime.now(UTC).replace(microsecond=0)
    machine = describe_machine()
    assert started <= datetime.fromisoformat(machine.date) <= datetime.now(UTC)
    assert machine.load == 0.13  # of the last minute
    assert machine.cpu == cpu_name()
    assert machine.num_cores == available_cores()
    assert (machine.python, machine.system) == (platform.python_version(), platform.platform())
    assert machine.packages == {name: version(name) for name in ("ai-edge-litert", "numpy", "pillow")}


def test_package_that_is_missing_is_said_to_be(monkeypatch):
    monkeypatch.setattr("optimize.report.machine.PACKAGES", ("numpy", "no-such-package"))
    assert describe_machine().packages == {"numpy": version("numpy"), "no-such-package": "not installed"}
