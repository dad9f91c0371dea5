import platform

from optimize.report.machine import PACKAGES, cpu_name, describe_machine


def test_machine_is_described():
    machine = describe_machine()
    assert machine.cpu
    assert machine.num_cores >= 1
    assert machine.python == platform.python_version()
    assert set(machine.packages) == set(PACKAGES)
    assert "not installed" not in machine.packages.values()


def test_cpu_has_its_name_or_at_least_its_kind(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: A Processor 9000\nmodel name\t: again\n")
    assert cpu_name(tmp_path / "cpuinfo") == "A Processor 9000"
    assert cpu_name(tmp_path / "missing") in {platform.processor(), platform.machine()}
