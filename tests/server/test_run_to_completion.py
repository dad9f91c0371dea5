"""Requests that are run to completion by the thread that has read them, and those that are not."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
from engines import MODEL, MeanColour, RunningEngine
from PIL import Image

from models.errors import CorruptImage
from server.classify import Classifier, Upload
from server.decoding.decoder import Decoder
from server.engine.errors import DeadlineExceeded
from server.engine.light_models import LightModel
from server.engine.loaded import LoadedModel
from server.metrics import Metrics
from server.request_errors import Overloaded
from server.run_to_completion import RunToCompletion
from server.tracing.stages import Stages
from server.turn import Turn


class OneModel:
    """Light models of a worker: one, or none."""

    def __init__(self, runtime):
        self.runtime, self.is_loaded = runtime, True
        self.model = LightModel(LoadedModel(MODEL, [runtime], None, max_batch=1), 5, file_bytes=1)

    def find(self, _served, _catalogue):
        return self.model if self.is_loaded else None

    def run(self, model, pixels):
        return model.loaded.run([pixels], runner=0, is_lone=False)


class Worker:
    """A classifier beside an engine, and the turn of the thread that asks it."""

    def __init__(self):
        self.running = RunningEngine(MeanColour())
        self.models, self.turn, self.metrics, self.passed = OneModel(MeanColour()), Turn(), Metrics(), []
        self.late_s = 0.0
        decoder = Decoder(note_decode=self.metrics.note_decode, note_queue=self.metrics.note_decode_queue)
        self.to_completion = RunToCompletion(self.models, decoder, self.turn, self.metrics, clock=self.clock)
        self.classifier = Classifier(
            self.running.client,
            decoder=decoder,
            metrics=self.metrics,
            to_completion=self.to_completion,
            clock=self.clock,
        )

    def clock(self):
        return time.monotonic() + self.late_s

    def ask(self, *images, has_turn=True, timeout_s=10.0, **options):
        if has_turn:
            self.turn.begin(lambda: self.passed.append("on") or True)
        uploads = [image if isinstance(image, np.ndarray) else Upload(image) for image in images]
        try:
            return self.classifier.run(uploads, timeout_s=timeout_s, **options)
        finally:
            self.turn.end()

    @property
    def num_here(self):
        return len(self.models.runtime.batch_sizes)

    @property
    def num_in_engine(self):
        return len(self.running.runtimes[0].batch_sizes)


@pytest.fixture
def worker():
    worker = Worker()
    yield worker
    worker.running.close()


def jpeg(size=(8, 8)):
    file = io.BytesIO()
    Image.new("RGB", size, (255, 0, 0)).save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize("kind", ["upload", "pixels"])
def test_cheap_image_is_run_by_the_thread_that_has_the_turn(worker, encode, kind):
    image = jpeg() if kind == "upload" else np.full((8, 8, 3), (255, 0, 0), np.uint8)
    output = worker.ask(image)
    assert output.model is MODEL or output.model == MODEL
    assert output.rows[0].argmax() == 0
    assert (worker.num_here, worker.num_in_engine, worker.passed) == (1, 0, [])
    assert worker.to_completion.is_likely()


def test_what_is_counted_is_what_the_engine_counts(worker):
    worker.ask(jpeg())
    labels = {"model": "colours", "version": "3"}
    wanted = {
        ("opsin_images_total", "ok"): 1,
        ("opsin_batch_size_count", ""): 1,
        ("opsin_batch_size_sum", ""): 1,
        ("opsin_executions_total", "1"): 1,
        ("opsin_model_duration_seconds_count", "model"): 1,
        **{("opsin_stage_duration_seconds_count", stage): 1 for stage in ("decode", "queue", "inference")},
    }
    for (name, which), value in wanted.items():
        own = {
            "opsin_images_total": {**labels, "outcome": which},
            "opsin_executions_total": {**labels, "size": which},
            "opsin_stage_duration_seconds_count": {"stage": which},
            "opsin_model_duration_seconds_count": labels,
        }.get(name, {})
        assert worker.metrics.registry.get_sample_value(name, own) == value, name


def test_stages_are_those_of_the_old_way(worker):
    here, in_engine = Stages(), Stages()
    worker.ask(jpeg(), stages=here)
    worker.ask(jpeg(), stages=in_engine, has_turn=False)
    names = [stage.name for stage in here.noted]
    assert names == ["decode_queue", "decode", "queue", "batch_wait", "inference"]
    assert names[:3] == [stage.name for stage in in_engine.noted][:3]
    assert here.noted[-1].attributes["opsin.runtime"] == "litert"
    assert here.noted[-1].attributes["opsin.batch.size"] == 1


def test_thread_without_a_turn_hands_its_image_to_the_engine(worker):
    worker.ask(jpeg(), has_turn=False)
    assert (worker.num_here, worker.num_in_engine) == (0, 1)
    assert worker.to_completion.is_likely()  # so the next thread may have one


def test_turn_is_passed_on_before_the_engine_is_asked(worker):
    images = {
        "several": [jpeg(), jpeg()],
        "large": [jpeg((3000, 2000))],
        "not plain": [png_of_many_bytes()],
    }
    for number, own in enumerate(images.values(), start=1):
        worker.ask(*own)
        assert (worker.num_here, len(worker.passed)) == (0, number)
    worker.models.is_loaded = False
    worker.ask(jpeg())
    assert (worker.num_here, len(worker.passed)) == (0, 4)
    assert not worker.to_completion.is_likely()


def png_of_many_bytes():
    file = io.BytesIO()
    Image.effect_noise((1000, 1000), 60).convert("RGB").save(file, "PNG", compress_level=0)
    return file.getvalue()


def test_copy_that_another_thread_runs_is_not_waited_for(worker):
    assert worker.models.model.begin()
    worker.ask(jpeg())
    with worker.models.model:
        assert (worker.num_here, worker.num_in_engine, worker.passed) == (0, 1, ["on"])


def test_explanation_is_the_engines(worker):
    with pytest.raises(AssertionError):  # the engine of this test explains nothing, and is asked
        worker.ask(jpeg(), wanted=lambda _: 1)
    assert (worker.num_here, worker.num_in_engine, worker.passed) == (0, 1, ["on"])


def test_broken_image_has_its_error_and_the_turn_goes_on(worker):
    [row] = worker.ask(jpeg()[:-40]).rows
    assert isinstance(row, CorruptImage)
    assert (worker.num_here, worker.num_in_engine, worker.passed) == (0, 0, [])
    labels = {"model": "colours", "version": "3", "outcome": row.code}
    assert worker.metrics.registry.get_sample_value("opsin_images_total", labels) == 1


def test_image_that_the_model_fails_on_here_goes_to_the_engine(worker, monkeypatch):
    def fail(_images):
        raise RuntimeError("unlucky")

    monkeypatch.setattr(worker.models.runtime, "run", fail)
    [row] = worker.ask(jpeg()).rows
    assert row.argmax() == 0
    assert (worker.num_in_engine, worker.passed) == (1, ["on"])
    assert worker.models.model.begin()  # it has been given back
    with worker.models.model:
        pass


def test_answer_that_is_no_number_is_the_engines_to_judge(worker, monkeypatch):
    monkeypatch.setattr(worker.models.runtime, "run", lambda _images: np.full((1, 3), np.nan, np.float32))
    [row] = worker.ask(jpeg()).rows
    assert row.argmax() == 0
    assert worker.num_in_engine == 1


def test_answer_that_comes_too_late_is_none(worker, monkeypatch):
    def run(images):
        worker.late_s += 10.0
        return MeanColour().run(images)

    monkeypatch.setattr(worker.models.runtime, "run", run)
    with pytest.raises(DeadlineExceeded, match="the model did not answer before the request's deadline"):
        worker.ask(jpeg(), timeout_s=5.0)
    assert worker.ask(jpeg(), timeout_s=15.0).rows[0].argmax() == 0


def test_thread_that_nobody_can_follow_does_not_ask_the_engine(worker):
    worker.models.is_loaded = False
    worker.turn.begin(lambda: False)
    with pytest.raises(Overloaded):
        worker.classifier.run([Upload(jpeg())], timeout_s=10.0)
    assert worker.num_in_engine == 0
