"""The tutorial's model in models/zoo: what `make train DATA=flowers.zip NAME=flowers` and `make quantize` came to."""

import re
from collections import Counter
from pathlib import Path

import pytest
from ai_edge_litert.interpreter import Interpreter

from models.examples.index import FOLDER, ExampleIndex
from models.pixels.preprocessing import preprocess
from models.runtime import load_runtime
from models.store.calibration import NONE_LABEL
from models.store.repository import Repository

REPO = Path(__file__).resolve().parents[2]
DAISY = REPO / "tests" / "data" / "daisy_2408024540.jpg"


@pytest.fixture(scope="module")
def artifact():
    return Repository(REPO / "models" / "zoo").load("flowers")


def test_is_one_int8_file_of_four_megabytes(artifact):
    assert artifact.manifest.formats.keys() == {"litert"}
    assert artifact.manifest.formats["litert"].precision == "int8"
    assert artifact.model_path("litert").stat().st_size <= 4_200_000
    assert Interpreter(str(artifact.model_path("litert"))).get_input_details()[0]["dtype"].__name__ == "uint8"


def test_manifest_says_how_it_was_made_and_how_good_it_is(artifact):
    provenance, int8 = artifact.manifest.provenance, artifact.manifest.metrics["int8"]
    assert artifact.manifest.labels == ("daisy", "dandelion", "roses", "sunflowers", "tulips")
    assert NONE_LABEL not in artifact.manifest.labels
    assert provenance["training_commands"] == [
        "python -m training --data flowers.zip --workdir runs/flowers --name flowers --repository repository"
    ]
    assert provenance["command"] == "python -m optimize quantize --workdir runs/flowers"
    assert (int8["num_images"], int8["top1"] >= 0.92) == (375, True)
    assert int8["loss"] < int8["before_temperature"]["test"]["loss"]


def test_training_pictures_beside_it_are_few_small_and_credited(artifact):
    examples = artifact.manifest.examples
    assert (examples.num_images, examples.may_be_shown) == (40, True)
    assert examples.licence.startswith("CC-BY 2.0, each by the photographer whom https://www.flickr.com/photo.gne?id=")
    index = ExampleIndex(artifact.path / FOLDER, num_channels=1280)
    shown = [index.example(number) for number in range(len(index))]
    assert Counter(example.label for example in shown) == dict.fromkeys(artifact.manifest.labels, 8)
    assert all(re.fullmatch(r"flowers/train/[a-z]+/[0-9]+_\w+\.jpg", example.source) for example in shown)
    assert sum(file.stat().st_size for file in (artifact.path / FOLDER).iterdir()) < 150_000


def test_daisy_is_a_daisy(artifact):
    runtime = load_runtime(artifact)
    [probabilities] = runtime.run([preprocess(DAISY.read_bytes(), artifact.manifest.pixels)])
    runtime.close()
    assert artifact.manifest.labels[probabilities.argmax()] == "daisy"
    assert probabilities.max() > 0.9
    assert not artifact.manifest.calibration.is_unsure(probabilities)
