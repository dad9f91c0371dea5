"""Fixtures: decoder processes, looked after as the master does it."""

from __future__ import annotations

import os
import threading

import pytest

from models.pixels.preprocessing import ImageLimits, PixelSpec
from server.decoding.decoder import Decoder
from server.decoding.process import decoder_main
from server.decoding.supervisor import DecoderSupervisor
from server.decoding.task_channel import TaskChannel

CHECK_S = 0.005
LIMITS = ImageLimits(max_memory_bytes=32 * 1024**2)


@pytest.fixture
def spec():
    return PixelSpec(24, 32)


@pytest.fixture
def channel():
    channel = TaskChannel(max_encoded_bytes=1_000_000, pixel_bytes=24 * 32 * 3)
    yield channel
    channel.close()


@pytest.fixture
def decoder(channel):
    """The decoding of a worker with one process, which begins with the first test that patches what it needs."""
    has_ended, master = threading.Event(), os.getpid()
    supervisor = DecoderSupervisor([channel], lambda _: decoder_main(channel, [channel], LIMITS, master=master))

    def look_after():
        while not has_ended.wait(CHECK_S):
            supervisor.check()
        supervisor.stop()

    thread = threading.Thread(target=look_after)

    def start():
        thread.start()
        return Decoder([channel], limits=LIMITS)

    yield start
    has_ended.set()
    thread.join()
