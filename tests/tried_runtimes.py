"""Runtimes whose answers and speeds are known, and trials of them."""

from __future__ import annotations

import numpy as np

from models.runtime_choice.record import Trial


class Answering:
    """Gives the same answer to every picture, and takes `took_s` of a clock for it."""

    def __init__(self, answer=(0.7, 0.2, 0.1), clock=None, took_s=0.0):
        self.answer, self.clock, self.took_s = answer, clock, took_s
        self.num_closed = 0

    def run(self, images):
        if self.clock is not None:
            self.clock.now += self.took_s
        return np.array([self.answer] * len(images), np.float32)

    def close(self):
        self.num_closed += 1


def trial(speed=2.0, **changes):
    """A trial of OpenVINO that nothing is wrong with."""
    fields = {"speed_quartiles": (speed, speed), "num_same_label": 10, "num_pictures": 10}
    return Trial("openvino", **{**fields, "speed": speed, "reference": "the golden answers", **changes})
