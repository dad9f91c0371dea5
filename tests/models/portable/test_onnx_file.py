import sys
from pathlib import Path

import pytest

from models.errors import RuntimeMissing
from models.portable.export import export_files
from models.portable.onnx_file import convert
from models.portable.verify import verify_file
from models.runtime.model_file import load_file
from models.store.repository import Repository

REPO = Path(__file__).resolve().parents[3]
ARTIFACT = Repository(REPO / "models" / "zoo").load("cifar10", verify=False)


def test_what_is_not_installed_is_named(monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, "models.runtime.onnxruntime", raising=False)
    for package in ("tf2onnx", "onnxruntime"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(RuntimeMissing, match=r"^tf2onnx is not installed; requirements/onnx.txt has it$"):
        convert(tmp_path / "model.tflite")
    with pytest.raises(RuntimeMissing, match=r"^ONNX Runtime is not installed; requirements/serve-onnx.txt has it$"):
        load_file(tmp_path / "model.onnx", input_shape=(32, 32, 3), num_classes=10)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # tf2onnx' own
def test_the_onnx_file_gives_the_golden_answers(tmp_path):
    pytest.importorskip("tf2onnx", reason="requirements/onnx.txt is not installed")
    pytest.importorskip("onnxruntime", reason="requirements/onnx.txt is not installed")
    files = export_files(ARTIFACT, tmp_path, with_onnx=True)
    assert files[-1].name == "model.onnx"
    verdict = verify_file(tmp_path / "model.onnx")[-1]
    assert (verdict.source, verdict.parts_at) == ("onnxruntime", None)
    assert verdict.comparison.num_same_label == 10
