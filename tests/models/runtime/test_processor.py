import platform

import pytest

from models.runtime.processor import cpu_name, has_saturating_int8


def test_cpu_has_its_name_or_at_least_its_kind(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: A Processor 9000\nmodel name\t: again\n")
    assert cpu_name(tmp_path / "cpuinfo") == "A Processor 9000"
    assert cpu_name(tmp_path / "missing") in {platform.processor(), platform.machine()}


@pytest.mark.parametrize(
    ("cpuinfo", "saturates"),
    [
        ("flags\t\t: fpu avx2 fma\n", True),
        ("flags\t\t: fpu avx2 avx512_vnni\n", False),
        ("flags\t\t: fpu avx2 avx_vnni\n", False),
        ("Features\t: fp asimd asimddp\n", False),
        ("", False),
    ],
)
def test_x86_without_vnni_saturates(tmp_path, cpuinfo, saturates):
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    assert has_saturating_int8(tmp_path / "cpuinfo") is saturates
