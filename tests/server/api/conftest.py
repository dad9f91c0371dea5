import pytest
from clock import Clock


@pytest.fixture
def clock():
    return Clock(1_000_000.0)
