"""The service rate of an engine: that of its queue, not that of its pauses."""

from __future__ import annotations

import pytest
from engines import small_table

from server.engine.service_rate import ServiceRate


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def table():
    table = small_table()
    yield table
    table.close()


def note(rate, clock, *, end, num_images, submitted, started):
    clock.now = end
    rate.note(num_images, submitted=submitted, started=started)


def test_first_batch_alone_gives_a_first_guess(table):
    clock = Clock()
    note(
        ServiceRate(table, 0, num_runners=2, clock=clock),
        clock,
        end=101.0,
        num_images=2,
        submitted=100.0,
        started=100.2,
    )
    assert table.seconds_per_image[0] == pytest.approx(0.2)  # 0.8 s / 2 images / 2 runners


def test_ends_of_batches_that_waited_give_the_rate_and_replace_the_guess(table):
    clock = Clock()
    rate = ServiceRate(table, 0, num_runners=2, clock=clock)
    note(rate, clock, end=101.0, num_images=1, submitted=100.0, started=100.0)
    for number in range(1, 300):
        note(rate, clock, end=101.0 + number, num_images=4, submitted=100.0, started=99.0 + number)
    assert table.seconds_per_image[0] == pytest.approx(0.25)
    assert table.num_images[0] == 1 + 4 * 299


def test_pauses_are_no_part_of_the_rate(table):
    clock = Clock()
    rate = ServiceRate(table, 0, num_runners=1, clock=clock)
    note(rate, clock, end=101.0, num_images=1, submitted=100.0, started=100.0)
    note(rate, clock, end=102.0, num_images=2, submitted=100.5, started=101.0)
    note(rate, clock, end=500.0, num_images=1, submitted=499.0, started=499.0)
    assert table.seconds_per_image[0] == pytest.approx(0.5)
