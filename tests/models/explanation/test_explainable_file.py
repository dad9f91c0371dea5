"""A file is mapped with one output more, and stays as it is on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from tflite_files import colour_classifier, pooled_classifier

from models.explanation.explainable_file import open_explainable

WEIGHTS, BIAS = [[0.1, 0, 0], [0, 0.2, 0]], [1.0, 2.0]


def test_mapped_file_gives_its_feature_maps_and_the_file_on_disk_does_not(tmp_path):
    path = pooled_classifier(tmp_path / "a.tflite", WEIGHTS, BIAS)
    before = path.read_bytes()
    explainable = open_explainable(path)
    outputs = [
        len(Interpreter(model_content=content).get_output_details()) for content in (explainable.content(), before)
    ]
    assert (outputs, path.read_bytes()) == ([2, 1], before)
    np.testing.assert_array_equal(explainable.head.bias, np.float32(BIAS))


def test_only_the_pages_that_change_are_in_memory_of_their_own(tmp_path):
    path = pooled_classifier(tmp_path / "a.tflite", np.ones((200_000, 3)), np.zeros(200_000))
    explainable = open_explainable(path)
    smaps = Path("/proc/self/smaps").read_text()
    mapped = [part for part in smaps.split("VmFlags") if str(path) in part]
    copied_kb = [int(line.split()[1]) for part in mapped for line in part.splitlines() if "Anonymous:" in line]
    assert 0 < sum(copied_kb) <= 64
    assert explainable.num_bytes > 3_200_000


@pytest.mark.parametrize("content", [b"", b"short", b"    TFL3" + bytes(50)])
def test_what_is_no_model_is_not_explainable(tmp_path, content):
    (tmp_path / "a.tflite").write_bytes(content)
    assert open_explainable(tmp_path / "a.tflite") is None


def test_network_without_global_pooling_is_not_explainable(tmp_path):
    assert open_explainable(colour_classifier(tmp_path / "a.tflite")) is None


def test_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_explainable(tmp_path / "a.tflite")
