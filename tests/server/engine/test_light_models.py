"""Copies of light models in an HTTP worker."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from engines import MeanColour, serving
from small_artifacts import small_manifest, small_sources

import server.engine.loaded
from models.errors import CorruptArtifact
from models.pixels.preprocessing import PixelSpec
from models.runtime_choice.record import RuntimeChoice
from models.store.repository import Repository
from server.engine import light_models
from server.engine.catalogue import Catalogue, key_of
from server.engine.light_models import LIGHT_S, PROMPT_S, LightModels
from server.engine.loaded import served_model
from server.engine.slot_table import SlotTable
from server.engine.traffic_split import TrafficSplit
from server.engine.worker_runs import WorkerRuns

LABELS = ("red", "green", "blue")


class Bench:
    """A repository, what is served of it, and the light models of a worker."""

    def __init__(self, folder):
        self.folder, self.repository = folder, Repository(folder / "repository")
        self.table = SlotTable(num_partitions=1, slots_per_partition=2, num_engines=1, pixel_bytes=192, max_classes=3)
        self.runs = WorkerRuns(2)
        self.catalogue = Catalogue()
        self.loaded = []
        self.models = LightModels(
            self.repository, self.table, self.runs, 0, num_cores=2, catalogue=lambda: self.catalogue
        )

    def publish(self, name="colours", content=b"weights"):
        manifest = small_manifest(name=name, labels=LABELS, pixels=PixelSpec(8, 8))
        return served_model(self.repository.publish(manifest, small_sources(self.folder, content)))

    def serve(self, *models, **changes):
        self.catalogue = replace(serving(*models), **changes)

    def find(self, served):
        """What a request finds once what it wanted has been loaded."""
        self.models.find(served, self.catalogue)
        self.models.follow()
        return self.models.find(served, self.catalogue)


@pytest.fixture
def bench(tmp_path, monkeypatch):
    bench = Bench(tmp_path)

    def load(artifact, **options):
        runtime = MeanColour()
        runtime.num_threads = options.get("num_threads", 1)
        bench.loaded.append(runtime)
        return runtime

    monkeypatch.setattr(server.engine.loaded, "load_runtime", load)
    yield bench
    bench.catalogue = Catalogue()
    bench.models.follow()
    bench.table.close()


def test_version_is_loaded_once_a_request_has_asked_for_it(bench):
    served = bench.publish()
    bench.serve(served)
    assert bench.models.find(served, bench.catalogue) is None
    assert bench.loaded == []  # no request waits for it
    model = bench.find(served)
    assert [runtime.num_threads for runtime in bench.loaded] == [1, 2]
    assert bench.find(served) is model


def test_version_that_the_engine_does_not_serve_is_never_loaded(bench):
    served, other = bench.publish(), bench.publish("other")
    bench.serve(other)
    assert bench.find(served) is None
    assert bench.loaded == []


def test_copy_runs_on_one_core_unless_its_image_is_all_there_is(bench):
    served = bench.publish()
    bench.serve(served)
    model, pixels = bench.find(served), np.full((8, 8, 3), (255, 0, 0), np.uint8)
    one, all_cores = bench.loaded
    num_runs = len(one.batch_sizes)
    with model:
        assert model.begin()
        [row] = bench.models.run(model, pixels)
    assert row.argmax() == 0
    bench.table.in_use[0] = 1  # the engine has another
    with model:
        assert model.begin()
        bench.models.run(model, pixels)
    assert (len(all_cores.batch_sizes), len(one.batch_sizes) - num_runs) == (1, 1)
    assert bench.runs.bar_what_ended(0) == []


def test_one_thread_has_a_copy_at_a_time(bench):
    served = bench.publish()
    bench.serve(served)
    model, seen = bench.find(served), []
    assert model.begin()
    other = threading.Thread(target=lambda: seen.append(model.begin()))
    other.start()
    other.join()
    with model:
        assert seen == [False]
    assert model.begin()
    with model:
        pass


@pytest.mark.parametrize(
    "changes",
    [
        {"models": ()},
        {"runtimes": (RuntimeChoice("openvino", "it is faster"),)},
        {"splits": (TrafficSplit("colours", 1, 2, 10, is_shadow=True),)},
    ],
    ids=["served no more", "another runtime", "a shadow is asked, too"],
)
def test_copy_is_used_and_kept_only_while_it_answers_as_the_engine_does(bench, changes):
    served = bench.publish()
    bench.serve(served)
    model = bench.find(served)
    bench.serve(served, **changes)
    assert bench.models.find(served, bench.catalogue) is None  # at once
    bench.models.follow()
    assert [runtime.num_closed for runtime in bench.loaded] == [1, 1]
    assert not model.begin()


def test_canary_and_stable_version_both_have_copies(bench):
    stable, canary = bench.publish(), bench.publish()
    bench.serve(stable, canary, splits=(TrafficSplit("colours", 1, 2, 10),))
    assert bench.find(stable) is not bench.find(canary)
    assert len(bench.loaded) == 4


def test_copies_of_versions_that_come_and_go_do_not_pile_up(bench):
    for _ in range(20):
        served = bench.publish()
        bench.serve(served)
        assert bench.find(served) is not None
    assert [runtime.num_closed for runtime in bench.loaded] == [1, 1] * 19 + [0, 0]


@pytest.mark.parametrize("kind", ["computes", "waits"])
def test_version_that_runs_for_longer_is_left_to_the_engine(bench, monkeypatch, kind):
    monkeypatch.setattr(MeanColour, "run", slow(MeanColour.run, kind))
    served = bench.publish()
    bench.serve(served)
    assert bench.find(served) is None
    assert bench.find(served) is None
    assert [runtime.num_closed for runtime in bench.loaded] == [1, 1]  # tried once


def slow(run, kind):
    def run_slowly(self, images):
        until_s = time.thread_time() + 2 * LIGHT_S
        while kind == "computes" and time.thread_time() < until_s:
            pass
        if kind == "waits":
            time.sleep(2 * PROMPT_S)
        return run(self, images)

    return run_slowly


def test_files_that_are_too_large_together_are_left_to_the_engine(bench, monkeypatch):
    first, second = bench.publish(content=b"a" * 60), bench.publish("other", content=b"b" * 60)
    monkeypatch.setattr(light_models, "MAX_FILES_BYTES", 100)
    bench.serve(first, second)
    assert bench.find(first) is not None
    assert bench.find(second) is None


def test_file_that_is_not_what_the_engine_has_loaded_is_left_to_it(bench):
    served = bench.publish()
    assert served.file_sha256 == hashlib.sha256(b"TFL3weights").hexdigest()
    (bench.repository.root / "colours" / "1" / "model.tflite").write_bytes(b"TFL3another")
    bench.serve(served)
    assert bench.find(served) is None
    assert bench.loaded == []


def test_version_that_cannot_be_loaded_here_is_left_to_the_engine(bench, monkeypatch):
    def load(_artifact, **_options):
        raise CorruptArtifact("it is broken")

    monkeypatch.setattr(server.engine.loaded, "load_runtime", load)
    served = bench.publish()
    bench.serve(served)
    assert bench.find(served) is None
    assert bench.runs.bar_what_ended(0) == []


def test_version_that_ended_a_process_is_run_no_more(bench):
    served = bench.publish()
    bench.serve(served)
    assert bench.find(served) is not None
    bench.runs.begin(1, key_of("colours", 1))
    bench.runs.bar_what_ended(1)
    assert bench.models.find(served, bench.catalogue) is None
    assert bench.find(served) is None
