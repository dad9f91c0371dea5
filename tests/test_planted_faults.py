"""The planted faults can still be planted: each text stands in its file once, and the tests nearest to it are there."""

from __future__ import annotations

import pytest
from planted_faults import ROOT, read_faults


@pytest.mark.parametrize("fault", read_faults(), ids=lambda fault: fault.what)
def test_fault_can_be_planted(fault):
    assert (ROOT / fault.file).read_text().count(fault.old) == 1
    assert fault.new != fault.old
    assert all((ROOT / path).exists() for path in fault.tests)
