import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from models.errors import FormatMissing
from models.portable.export import export_files
from models.portable.golden import GOLDEN_FILE, PICTURES, Golden
from models.store.artifact import Artifact
from models.store.model_files import ModelFile
from models.store.repository import Repository

REPO = Path(__file__).resolve().parents[3]
ARTIFACT = Repository(REPO / "models" / "zoo").load("cifar10", verify=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "phone"
    assert len(export_files(ARTIFACT, folder)) == 12
    return folder


def test_the_golden_pictures_come_with_the_file(folder):
    golden = Golden.decode((folder / GOLDEN_FILE).read_bytes())
    assert golden.model_sha256 == hashlib.sha256((folder / "model.tflite").read_bytes()).hexdigest()
    for picture in golden.pictures:
        assert (folder / "golden" / picture.file).read_bytes() == (PICTURES / picture.file).read_bytes()


def test_the_file_takes_one_picture_and_gives_the_same_answers(folder):
    answers = []
    for file, batch in ((ARTIFACT.model_path("litert"), -1), (folder / "model.tflite", 1)):
        interpreter = Interpreter(str(file))
        interpreter.allocate_tensors()
        [image], [probabilities] = interpreter.get_input_details(), interpreter.get_output_details()
        assert image["shape_signature"].tolist() == [batch, 32, 32, 3]
        interpreter.set_tensor(image["index"], np.arange(3072, dtype=np.uint32).astype(np.uint8).reshape(1, 32, 32, 3))
        interpreter.invoke()
        answers.append(interpreter.get_tensor(probabilities["index"]))
    np.testing.assert_array_equal(*answers)


def test_a_version_without_a_litert_file_is_named(tmp_path):
    manifest = replace(ARTIFACT.manifest, formats={"tensorflow": ModelFile("saved_model", "float16")})
    with pytest.raises(FormatMissing, match="has no file for the engine 'litert'"):
        export_files(Artifact(ARTIFACT.path, manifest), tmp_path / "phone")
    assert not (tmp_path / "phone").exists()
