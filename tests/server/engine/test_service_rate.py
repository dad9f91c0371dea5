"""The service rate of an engine: that of its queue, not that of its pauses."""

from __future__ import annotations

import pytest
from engines import small_table

from server.engine.service_rate import ServiceRate


@pytest.fixture
def table():
    table = small_table()
    yield table
    table.close()


def test_first_batch_alone_gives_a_first_guess(table):
    ServiceRate(table, 0, num_runners=2).note(2, submitted=100.0, started=100.2, ended=101.0)
    assert table.seconds_per_image[0] == pytest.approx(0.2)  # 0.8 s / 2 images / 2 runners


def test_ends_of_batches_that_waited_give_the_rate_and_replace_the_guess(table):
    rate = ServiceRate(table, 0, num_runners=2)
    rate.note(1, submitted=100.0, started=100.0, ended=101.0)
    for number in range(1, 300):
        rate.note(4, submitted=100.0, started=99.0 + number, ended=101.0 + number)
    assert table.seconds_per_image[0] == pytest.approx(0.25)
    assert table.num_images[0] == 1 + 4 * 299


def test_pauses_are_no_part_of_the_rate(table):
    rate = ServiceRate(table, 0, num_runners=1)
    rate.note(1, submitted=100.0, started=100.0, ended=101.0)
    rate.note(2, submitted=100.5, started=101.0, ended=102.0)
    rate.note(1, submitted=499.0, started=499.0, ended=500.0)
    assert table.seconds_per_image[0] == pytest.approx(0.5)


def test_batches_whose_ends_are_noted_the_wrong_way_round_have_the_rate_of_both(table):
    rate = ServiceRate(table, 0, num_runners=2)
    rate.note(1, submitted=100.0, started=100.0, ended=101.0)
    rate.note(1, submitted=100.5, started=101.0, ended=102.0)
    assert table.seconds_per_image[0] == pytest.approx(1.0)
    rate.note(1, submitted=100.5, started=101.0, ended=101.9)
    assert table.seconds_per_image[0] == pytest.approx(0.95)  # at once, after the other
