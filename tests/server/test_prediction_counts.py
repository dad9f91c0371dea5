"""Counts of answers, which all HTTP workers share and which outlive each of them."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
from engines import MODEL

from server.prediction_counts import NUM_RECENT, NUM_ROWS, PredictionCounts

RED, BLUE = np.array([0.75, 0.25, 0], np.float32), np.array([0, 0, 1], np.float32)


def test_answers_are_counted_by_class_and_confidence():
    counts = PredictionCounts(max_classes=3)
    for answer in (RED, RED, BLUE):
        counts.note(MODEL, answer)
    counted = counts.counted(MODEL)
    assert counted.classes.tolist() == counted.recent_classes.tolist() == [2, 0, 1]
    assert counted.confidence.tolist() == counted.recent_confidence.tolist() == [0] * 7 + [2, 0, 0, 0, 1]
    assert counted.confidence_sum == 2.5
    assert counts.counted(replace(MODEL, version=9)).classes.tolist() == [0, 0, 0]


def test_workers_count_together_and_successors_go_on():
    counts = PredictionCounts(2, max_classes=3)
    for worker in (0, 1, 1):  # the last is a successor
        child = os.fork()
        if child == 0:
            counts.begin_as(worker)
            counts.note(MODEL, RED)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    assert counts.counted(MODEL).classes.tolist() == [3, 0, 0]


def test_latest_answers_alone_are_recent():
    counts = PredictionCounts(max_classes=3)
    for _ in range(NUM_RECENT):
        counts.note(MODEL, BLUE)
    for _ in range(10):
        counts.note(MODEL, RED)
    assert counts.counted(MODEL).recent_classes.tolist() == [10, 0, NUM_RECENT - 10]
    assert counts.counted(MODEL).classes.tolist() == [10, 0, NUM_RECENT]


def test_version_past_the_last_row_takes_the_first_ones():
    counts = PredictionCounts(max_classes=3)
    versions = [replace(MODEL, version=number + 1) for number in range(NUM_ROWS + 1)]
    for version in versions:
        counts.note(version, RED)
    assert [counts.counted(version).classes.sum() for version in versions] == [0] + [1] * NUM_ROWS
    counts.note(versions[0], BLUE)
    assert counts.counted(versions[0]).classes.tolist() == [0, 0, 1]
    assert counts.counted(versions[1]).classes.tolist() == [0, 0, 0]
