"""An engine in this process, without a fork: a slot table, runner threads, and a runtime whose answers are exact."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
from waiting import SOON_S, wait_until

from models.explanation.classifier_head import ClassifierHead
from models.pixels.preprocessing import PixelSpec
from models.runtime_choice.record import RuntimeChoice
from models.store.reference import ModelReference
from server.engine.batcher import Batcher
from server.engine.catalogue import Catalogue, ServedModel, key_of
from server.engine.client import EngineClient
from server.engine.loaded import LoadedModel
from server.engine.runners import Runners
from server.engine.shared_catalogue import write_catalogue
from server.engine.slot_table import SlotTable

LITERT = RuntimeChoice("litert", "it was asked for")
MODEL = ServedModel("colours", 3, ("red", "green", "blue"), PixelSpec(8, 8))
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


class MeanColour:
    """A runtime with an exact answer: the share of each colour. Fails where a picture is all grey 13."""

    def __init__(self):
        self.num_closed = 0
        self.batch_sizes = []
        self.may_run = threading.Event()
        self.may_run.set()

    def run(self, images):
        assert self.may_run.wait(SOON_S)
        pixels = np.stack(images)
        self.batch_sizes.append(len(pixels))
        if (pixels == 13).all(axis=(1, 2, 3)).any():
            raise RuntimeError("unlucky")
        weights = pixels.mean(axis=(1, 2), dtype=np.float64) + 1
        return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)

    def close(self):
        self.num_closed += 1


HEAD = ClassifierHead(
    tensor=0,
    name="pixels",
    shape=(8, 8, 3),
    dtype="float32",
    scale=1.0,
    zero_point=0,
    weights=np.float32([[1, 0, 0], [0, 2, 0], [0, 0, 4]]),
    weight_scales=np.ones((1, 1), np.float32),
    bias=np.float32([10, 20, 30]),
)
EXPLAINABLE = replace(MODEL, feature_shape=HEAD.shape)


class ExplainableColour(MeanColour):
    """As MeanColour; its last feature maps are the pixels, of which HEAD makes maps."""

    def run(self, images):
        probabilities = super().run(images)
        self.pixels = [image.copy() for image in images]
        return probabilities

    def features(self, index):
        return self.pixels[index].astype(np.float32)


def red_share(grey):
    """What MeanColour answers first for pixels (grey, 0, 0)."""
    return np.float32((grey + 1) / (grey + 3))


def serving(*models, refused=()):
    """What an engine shows that serves these, the default first."""
    return Catalogue(models, refused, ModelReference(models[0].name), (LITERT,) * len(models))


def small_table(num_slots=4, *, num_partitions=1, num_engines=1):
    return SlotTable(
        num_partitions=num_partitions,
        slots_per_partition=num_slots,
        num_engines=num_engines,
        pixel_bytes=8 * 8 * 3,
        max_classes=3,
    )


class RunningEngine:
    """A slot table with one engine that runs `runtimes`, and one worker's view of it."""

    def __init__(self, *runtimes, num_slots=4, model=MODEL, max_batch=4, lone=None, head=None, **options):
        self.table = small_table(num_slots)
        self.batcher = Batcher(self.table, 0, num_runners=len(runtimes))
        self.loaded = LoadedModel(model, runtimes, lone, max_batch=max_batch, head=head)
        self.runners = Runners(
            self.table,
            0,
            self.batcher,
            models={key_of(model.name, model.version): self.loaded},
            num_runners=len(runtimes),
            **options,
        )
        self.runtimes = runtimes
        self.client = EngineClient(self.table, 0)
        write_catalogue(self.table, 0, serving(model))
        self.table.is_ready[0] = 1
        self.runners.start()

    def wait_until_idle(self):
        table = self.table
        wait_until(lambda: not ((table.ticket != table.completed).any() or table.in_use.any()))

    def close(self):
        for runtime in self.runtimes:
            runtime.may_run.set()
        self.runners.close()
        self.table.close()


def later(seconds=SOON_S):
    return time.monotonic() + seconds


def ask(engine, model, *greys, deadline=None):
    """Ask for pictures of (grey, 0, 0); returns the probabilities of red."""
    with engine.reserve(model, len(greys), deadline=deadline or later()) as slots:
        for grey, slot in zip(greys, slots, strict=True):
            slot.pixels[:] = (grey, 0, 0)
            slot.submit()
        return [slot.result()[0] for slot in slots]
