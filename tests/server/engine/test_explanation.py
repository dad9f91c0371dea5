"""An image that wants it is explained by the run that answered it, beside images that want nothing."""

from __future__ import annotations

import numpy as np
import pytest
from engines import EXPLAINABLE, HEAD, ExplainableColour, RunningEngine, later, red_share

from server.engine.explanation import (
    FIRST_LABEL,
    NOTHING,
    TOP_LABEL,
    has_room_for,
    num_values,
    read_explanation,
    write_explanation,
)
from server.engine.slot_table import MAX_EXPLANATION_VALUES


@pytest.fixture
def running():
    running = RunningEngine(ExplainableColour(), model=EXPLAINABLE, head=HEAD)
    yield running
    running.close()


def pixels_of(colour):
    """One half black, the other of a colour."""
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, 4:] = colour
    return pixels


def test_explanation_that_is_written_is_read():
    features = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    memory = np.empty(num_values((2, 4, 3)), np.float32)
    write_explanation(memory, HEAD, features, wanted=FIRST_LABEL + 1, probabilities=np.float32([1, 0, 0]))
    read = read_explanation(memory, (2, 4, 3))
    assert read.bias == 20
    np.testing.assert_array_equal(read.class_map, 2 * features[:, :, 1])
    np.testing.assert_array_equal(read.embedding, features.mean(axis=(0, 1)))


def test_explanation_has_room_up_to_a_limit():
    assert has_room_for((7, 7, 2048))
    assert has_room_for((1, 1, MAX_EXPLANATION_VALUES - 2))
    assert not has_room_for((1, 1, MAX_EXPLANATION_VALUES - 1))


def test_each_image_of_a_batch_has_its_own_explanation(running):
    runtime = running.runtimes[0]
    runtime.may_run.clear()
    wanted = [NOTHING, TOP_LABEL, FIRST_LABEL + 2, TOP_LABEL]
    colours = [(9, 0, 0), (8, 0, 0), (0, 0, 7), (0, 60, 6)]
    with running.client.reserve(EXPLAINABLE, 4, deadline=later()) as slots:
        for slot, want, colour in zip(slots, wanted, colours, strict=True):
            slot.pixels[:] = pixels_of(colour)
            slot.submit(want)
        runtime.may_run.set()
        assert [len(slot.result()) for slot in slots] == [3] * 4
        top, blue, green = (slot.explanation() for slot in slots[1:])
    assert (top.bias, blue.bias, green.bias) == (10, 30, 20)
    np.testing.assert_array_equal(top.class_map[0], [0] * 4 + [8] * 4)
    np.testing.assert_array_equal(blue.class_map[0], [0] * 4 + [4 * 7] * 4)
    np.testing.assert_array_equal(green.class_map[0], [0] * 4 + [2 * 60] * 4)
    np.testing.assert_array_equal(green.embedding, [0, 30, 3])


def test_image_beside_one_that_the_model_fails_on_is_explained_by_its_own_run(running):
    runtime = running.runtimes[0]
    runtime.may_run.clear()
    with running.client.reserve(EXPLAINABLE, 2, deadline=later()) as slots:
        for slot, grey in zip(slots, (5, 13), strict=True):
            slot.pixels[:] = grey if grey == 13 else (grey, 0, 0)
            slot.submit(TOP_LABEL)
        runtime.may_run.set()
        assert slots[0].result()[0] == red_share(5)
        np.testing.assert_array_equal(slots[0].explanation().class_map, np.full((8, 8), 5))


def test_slot_that_was_explained_explains_nothing_to_the_next_image(running):
    for want in (TOP_LABEL, NOTHING):
        with running.client.reserve(EXPLAINABLE, 1, deadline=later()) as [slot]:
            slot.pixels[:] = pixels_of((3, 0, 0))
            slot.submit(want)
            slot.result()
            assert bool(running.table.explanation(slot.number, 9).any()) == (want == TOP_LABEL)
        running.client.drop_free_pixels()
        assert not running.table.explanation(slot.number, 9).any()


def test_successor_of_a_killed_engine_explains_what_waits(running):
    """What waits stands in the table: a second set of runners, of the same table, finds it."""
    running.runners.close()
    with running.client.reserve(EXPLAINABLE, 1, deadline=later()) as [slot]:
        slot.pixels[:] = pixels_of((3, 0, 0))
        slot.submit(TOP_LABEL)
        successor = type(running.runners)(
            running.table, 0, running.batcher, models=running.runners.models, num_runners=1
        )
        successor.start()
        slot.result()
        assert slot.explanation().embedding.tolist() == [1.5, 0, 0]
        successor.close()
