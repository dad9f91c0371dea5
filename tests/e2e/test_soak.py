"""Half a minute of the soak: the same server, models, traffic and disturbances as `make soak`."""

from __future__ import annotations

import pytest
from soak.figures import figures_of
from soak.plan import Plan
from soak.run import soak

pytestmark = pytest.mark.e2e

PLAN = Plan(seconds=30.0, rate=15.0, num_loiterers=5, pause_s=2.0, warm_up_s=10.0, rest_s=40.0, sample_s=1.0)
OF_HALF_AN_HOUR = "memory after a rest over that before"  # what is there before is not all there after 10 s


@pytest.mark.extended(covers=["server/engine/*.py", "server/http/*.py", "server/decoding/*.py", "tests/soak/*.py"])
def test_soak_of_half_a_minute_finds_nothing():
    soaked = soak(PLAN)
    figures = figures_of(soaked)
    assert [
        (figure.what, figure.note) for figure in figures if figure.is_met is False and figure.what != OF_HALF_AN_HOUR
    ] == []
    assert len(soaked.journal.counts()) > 5
    assert soaked.tally.total("answered") > 100
