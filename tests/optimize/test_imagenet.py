"""A model of ImageNet's classes is made of pretrained weights, and measured on photos of some of them."""

import json
import zipfile

import numpy as np
import pytest
from pictures import encode
from PIL import Image

from models.network.efficientnet_lite import EfficientNetLite
from models.network.resnet_v2 import ResNetV2, build
from models.store.repository import Repository
from optimize.imagenet import main, read_classes, read_photos
from training.dataset import DatasetError

NAMES = {
    "train/n01440764/ILSVRC2012_val_1.JPEG": 0,
    "train/n01440764/n01440764_10.JPEG": None,
    "train/n03445777/ILSVRC2012_val_2.JPEG": 574,
    "val/n01440764/n01440764_11.JPEG": 0,
    "val/n03445777/ILSVRC2012_val_3.JPEG": 574,
    "val/other/ILSVRC2012_val_4.JPEG": None,
    "README.txt": None,
}


@pytest.fixture
def photos(tmp_path):
    """A zip file of an image for each name, the number of the name as its grey."""
    with zipfile.ZipFile(tmp_path / "few.zip", "w") as file:
        for number, name in enumerate(NAMES):
            file.writestr(f"few/{name}", encode(Image.new("RGB", (40, 40), (number,) * 3), "PNG"))
    return tmp_path / "few.zip"


def test_classes_are_a_thousand_in_the_order_of_imagenet_and_no_name_is_there_twice():
    classes = read_classes()
    keys, names = list(classes), list(classes.values())
    assert keys == sorted(keys)
    assert len(keys) == len({name.lower() for name in names}) == 1000
    assert [names[index] for index in (0, 134, 517, 985, 999)] == [
        "tench",
        "crane (bird)",
        "crane (machine)",
        "daisy",
        "toilet paper",
    ]


def test_photos_that_weights_have_learned_from_are_never_fitted_on(photos):
    read = read_photos(photos)
    assert [read.validation.targets.tolist(), read.test.targets.tolist()] == [[0, 574], [0, 574]]
    numbers = list(NAMES)
    greys = [encode(Image.new("RGB", (40, 40), (number,) * 3), "PNG") for number in range(len(numbers))]
    assert [read.validation.read(0), read.validation.read(1)] == [greys[0], greys[2]]
    assert [read.test.read(0), read.test.read(1)] == [greys[3], greys[4]]


def test_data_without_photos_to_fit_on_is_refused(tmp_path):
    (tmp_path / "photos/val/n01440764").mkdir(parents=True)
    (tmp_path / "photos/val/n01440764/a.png").touch()
    with pytest.raises(DatasetError, match=r"photos must hold train/n01440764/ILSVRC2012_val_….JPEG .* found 0 and 1"):
        read_photos(tmp_path / "photos")


def test_published_model_has_its_notice_its_classes_and_what_it_was_made_of(photos, tmp_path, monkeypatch, capsys):
    small = ResNetV2.of("8", width=4, num_classes=1000)
    model = build(small)
    model.get_layer("predictions").set_weights(
        [np.zeros((16, 1000), np.float32), np.arange(1000, dtype=np.float32)[::-1] / 200]
    )
    monkeypatch.setattr(EfficientNetLite, "of", lambda _: small)
    monkeypatch.setattr("models.network.pretrained.pretrained_model", lambda _: model)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(3):
        Image.effect_noise((40, 40), 60 + number).convert("RGB").save(pictures / f"{number}.png")
    arguments = ["--photos", photos, "--calibration-images", pictures, "--repository", tmp_path / "repository"]
    assert main([*map(str, arguments), "--credit", "by me"]) == 0
    assert "published imagenet:1: 50.0% of 2 photos right, 50.0% in float32" in capsys.readouterr().out
    artifact = Repository(tmp_path / "repository").load("imagenet")
    manifest = artifact.manifest
    assert manifest.labels == tuple(read_classes().values())
    assert manifest.pixels.to_dict()["resample"] == "bicubic"
    assert (artifact.path / "NOTICE").read_text().startswith("EfficientNet-Lite0, trained on ImageNet")
    assert "{" not in (artifact.path / "NOTICE").read_text()
    assert manifest.provenance["int8_ranges_of"]["images"] == ["0.png", "1.png", "2.png"]
    assert manifest.provenance["int8_ranges_of"]["credit"] == "by me"
    assert manifest.provenance["dataset"] | {"sha256": 64} == {
        "name": "few",
        "sha256": 64,
        "num_train": 0,
        "num_validation": 2,
        "num_test": 2,
    }
    assert (manifest.calibration.num_images, manifest.expected_answers) == (2, None)
    assert json.loads(json.dumps(manifest.metrics))["int8"]["before_temperature"].keys() == {"validation", "test"}
    assert manifest.calibration.temperature != 1
    assert manifest.formats["litert"].saturates is not manifest.provenance["saturation"]["is_avoided"]
