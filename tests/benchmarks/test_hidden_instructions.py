import os
import subprocess

import pytest

from benchmarks.hidden_instructions import CannotHide, environment_without_vnni
from models.runtime.processor import CPUINFO as REAL_CPUINFO
from models.runtime.processor import VNNI, proc_field

ASKS = """
#include <cpuid.h>
#include <stdio.h>
#include <unistd.h>
static void ask(void) {
  unsigned a, b, c, d;
  __cpuid_count(7, 0, a, b, c, d);
  printf("%u%u%u%u", b >> 5 & 1, b >> 16 & 1, c >> 11 & 1, d >> 25 & 1);
  __cpuid_count(7, 1, a, b, c, d);
  printf("%u\\n", a >> 4 & 1);
  fflush(stdout);
}
int main(int count, char **arguments) {
  ask();
  if (count == 1) execl(arguments[0], arguments[0], "again", NULL);
  if (count == 2 && !fork()) ask();
}
"""


@pytest.fixture
def asks(tmp_path):
    """A program that asks for AVX2, AVX-512, VNNI, AMX and AVX-VNNI: at first, behind exec, and in a fork."""
    (tmp_path / "asks.c").write_text(ASKS)
    subprocess.run(["/usr/bin/gcc", tmp_path / "asks.c", "-o", tmp_path / "asks"], check=True)
    return tmp_path / "asks"


def test_newer_instructions_are_hidden_from_a_program_what_it_executes_and_its_forks(asks):
    flags = set(proc_field("flags", REAL_CPUINFO).split())
    if not {"cpuid_fault", "avx2"} <= flags or not VNNI & flags:
        pytest.skip("the processor has no instructions to hide, or cannot hide them")
    sees = subprocess.run([asks], capture_output=True, text=True, check=True, timeout=20).stdout.split()
    hidden = subprocess.run(
        [asks], env=environment_without_vnni(os.environ), capture_output=True, text=True, check=True, timeout=20
    ).stdout.split()
    assert len(sees) == len(hidden) == 3
    assert all(answer[0] == "1" and "1" in answer[1:] for answer in sees)
    assert hidden == ["10000"] * 3


def test_processor_that_cannot_hide_instructions_says_so(tmp_path):
    (tmp_path / "cpuinfo").write_text("flags : fpu avx2 avx512_vnni\n")
    with pytest.raises(CannotHide, match="does not let CPUID fault"):
        environment_without_vnni({}, cpuinfo=tmp_path / "cpuinfo")
