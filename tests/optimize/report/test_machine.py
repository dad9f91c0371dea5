import platform

from optimize.report.machine import PACKAGES, describe_machine


def test_machine_is_described():
    machine = describe_machine()
    assert machine.cpu
    assert machine.num_cores >= 1
    assert machine.python == platform.python_version()
    assert set(machine.packages) == set(PACKAGES)
    assert "not installed" not in machine.packages.values()
