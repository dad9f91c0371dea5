"""Which runtime runs a batch, and what is refused at the door."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from engines import MODEL, MeanColour
from small_artifacts import small_manifest, small_sources

import server.engine.loaded
from models.errors import CorruptArtifact
from models.pixels.preprocessing import PixelSpec
from models.store.artifact import Artifact
from models.store.model_files import ModelFile
from models.store.repository import Repository
from server.engine.errors import EngineError
from server.engine.loaded import ExecutionPlan, LoadedModel, load_model

IMAGE = np.zeros((8, 8, 3), np.uint8)
ROOM = {"pixel_bytes": 32 * 32 * 3, "max_classes": 3}


@pytest.fixture
def artifact(tmp_path):
    return Repository(tmp_path / "repository").publish(small_manifest(), small_sources(tmp_path))


@pytest.fixture
def loads(monkeypatch):
    """Every call of load_runtime: its options, and the runtime that it gave."""
    loads = []

    def load_runtime(_artifact, **options):
        if len(loads) == 2 and options.get("num_threads") == 13:
            raise CorruptArtifact("unlucky")
        loads.append((options, MeanColour()))
        return loads[-1][1]

    monkeypatch.setattr(server.engine.loaded, "load_runtime", load_runtime)
    return loads


def test_each_runner_has_its_runtime_and_a_lone_image_has_all_cores():
    first, second, lone = MeanColour(), MeanColour(), MeanColour()
    loaded = LoadedModel(MODEL, [first, second], lone, max_batch=4)
    loaded.run([IMAGE, IMAGE], runner=1, is_lone=False)
    loaded.run([IMAGE], runner=0, is_lone=True)
    assert [runtime.batch_sizes for runtime in (first, second, lone)] == [[], [2], [1]]
    loaded.close()
    loaded.close()
    assert [runtime.num_closed for runtime in (first, second, lone)] == [1, 1, 1]


def test_lone_image_runs_like_any_other_where_there_is_no_runtime_for_it():
    runtime = MeanColour()
    LoadedModel(MODEL, [runtime], None, max_batch=4).run([IMAGE], runner=0, is_lone=True)
    assert runtime.batch_sizes == [1]


def test_plan_says_how_often_it_is_loaded(artifact, loads):
    plan = ExecutionPlan("litert", 2, num_lone_threads=4, batch_sizes=(1, 4))
    assert load_model(artifact, plan, **ROOM).max_batch == 4
    weights = {options.pop("weights") for options, _ in loads}
    assert len(weights) == 1
    assert [options for options, _ in loads] == [
        {"runtime": "litert", "batch_sizes": (1, 4)},
        {"runtime": "litert", "batch_sizes": (1, 4)},
        {"runtime": "litert", "num_threads": 4},
    ]


def test_plan_for_a_gpu_refuses_a_runtime_on_the_cpu(artifact, loads):
    load_model(artifact, ExecutionPlan("tensorflow", 1, needs_gpu=True), **ROOM)
    assert loads[0][0].items() >= {"runtime": "tensorflow", "batch_sizes": (1,), "needs_gpu": True}.items()


def test_what_was_loaded_is_freed_when_the_rest_fails(artifact, loads):
    with pytest.raises(CorruptArtifact):
        load_model(artifact, ExecutionPlan("litert", 2, num_lone_threads=13), **ROOM)
    assert [runtime.num_closed for _, runtime in loads] == [1, 1]


def test_version_with_larger_pictures_than_the_slot_table_has_room_for_is_refused(tmp_path, loads):
    manifest = small_manifest(pixels=PixelSpec(33, 32))
    artifact = Repository(tmp_path / "large").publish(manifest, small_sources(tmp_path))
    with pytest.raises(EngineError, match="33 x 32 pixels are larger than the 1,024 pixels"):
        load_model(artifact, ExecutionPlan("litert", 1), **ROOM)


def test_version_with_more_classes_than_the_slot_table_has_room_for_is_refused(artifact, loads):
    with pytest.raises(EngineError, match="has 3 classes; at most 2"):
        load_model(artifact, ExecutionPlan("litert", 1), pixel_bytes=ROOM["pixel_bytes"], max_classes=2)


@pytest.mark.parametrize(("is_auto", "runtime"), [(True, "onnxruntime"), (False, "litert")])
def test_version_with_an_onnx_file_alone_has_its_runtime_where_none_is_asked_for(artifact, loads, is_auto, runtime):
    only = Artifact(artifact.path, replace(artifact.manifest, formats={"onnx": ModelFile("model.onnx", "float32")}))
    loaded = load_model(only, ExecutionPlan("litert", 1, is_auto=is_auto), **ROOM)
    assert [options["runtime"] for options, _ in loads] == [runtime]
    assert loaded.runtime == runtime
