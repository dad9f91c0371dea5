from dataclasses import replace

import numpy as np
import pytest
from toy_data import write_folders

from models.pixels.preprocessing import PixelSpec
from training.config import preset, replaced
from training.data import load_dataset
from training.dataset import Dataset
from training.pixel_sets import pixel_sets

CONFIG = replaced(preset("smoke"), {"image_px": 24, "crop_fraction": 0.75})
RESIZED = replaced(CONFIG, {"augmentation.crop": "resized"})


@pytest.fixture
def data(tmp_path) -> Dataset:
    return load_dataset(write_folders(tmp_path / "photos", num_images=24), CONFIG.held_out)


def files(tmp_path) -> set[str]:
    return {path.name for path in (tmp_path / "runs" / ".pixels").iterdir()}


def test_images_are_as_they_are_served_unless_crops_are_cut_from_whole_photos(data, tmp_path):
    spec = PixelSpec(24, 24, crop_fraction=0.75)
    images = pixel_sets(data, CONFIG, tmp_path / "runs" / "one")
    np.testing.assert_array_equal(images.train, data.train.pixels(spec))
    np.testing.assert_array_equal(images.validation, data.validation.pixels(spec))
    assert images.spec is None
    whole = pixel_sets(data, RESIZED, tmp_path / "runs" / "one")
    np.testing.assert_array_equal(whole.train, data.train.pixels(PixelSpec(32, 32)))
    np.testing.assert_array_equal(whole.validation, images.validation)
    assert whole.spec == spec


def test_runs_of_the_same_data_share_what_is_decoded(data, tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    pixel_sets(data, RESIZED, tmp_path / "runs" / "one")
    made = files(tmp_path)
    assert len(made) == 2
    where = tmp_path / "runs" / ".pixels"
    assert f"decoding 18 train images, once for all runs of this data: about 127.0 kB in {where}" in caplog.text
    with monkeypatch.context() as patch:
        patch.setattr("training.pixel_sets.write_pixels", None)
        pixel_sets(data, replaced(RESIZED, {"peak_lr": 0.5, "epochs": 9}), tmp_path / "runs" / "two")
    assert files(tmp_path) == made


@pytest.mark.parametrize("change", ["size", "data", "split"])
def test_what_would_be_decoded_otherwise_is_decoded_anew(data, tmp_path, change):
    pixel_sets(data, RESIZED, tmp_path / "runs" / "one")
    other, config = data, RESIZED
    if change == "size":
        config = replaced(RESIZED, {"image_px": 20})
    elif change == "data":
        other = replace(data, sha256="0" * 64)
    else:
        other = replace(data, train=data.train.subset(np.arange(len(data.train))[::-1]),
                        validation=data.validation.subset(np.arange(len(data.validation))[::-1]))  # fmt: skip
    pixel_sets(other, config, tmp_path / "runs" / "two")
    assert len(files(tmp_path)) == 4


def test_another_place_may_be_named(data, tmp_path, monkeypatch):
    monkeypatch.setenv("OPSIN_PIXELS", str(tmp_path / "scratch"))
    pixel_sets(data, RESIZED, tmp_path / "runs" / "one")
    assert len(list((tmp_path / "scratch").iterdir())) == 2
    assert not (tmp_path / "runs").exists()
