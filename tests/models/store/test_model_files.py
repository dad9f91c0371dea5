from pathlib import Path

import pytest

from models.runtime import RUNTIMES
from models.store.model_files import FORMATS, format_for, format_of

REPO = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(("device", "name"), [("cpu", "litert"), ("gpu", "tensorflow")])
def test_each_device_has_its_format(device, name):
    assert format_for(device) is FORMATS[name]
    assert FORMATS[name].name == name


@pytest.mark.parametrize(
    ("runtime", "name"),
    [("litert", "litert"), ("openvino", "litert"), ("tensorflow", "tensorflow"), ("onnxruntime", "onnx")],
)
def test_each_runtime_loads_its_format(runtime, name):
    assert format_of(runtime) is FORMATS[name]


def test_each_runtime_is_listed_once_with_requirements_that_exist():
    requirements = [pair for row in FORMATS.values() for pair in row.requirements.items()]
    assert sorted(runtime for runtime, _ in requirements) == sorted(RUNTIMES)
    assert all((REPO / "requirements" / f"{file}.txt").exists() for _, file in requirements)
