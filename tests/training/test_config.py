import math
from dataclasses import fields

import pytest

from training.config import PRESETS, TrainingConfig, preset, replaced
from training.dataset import HeldOut


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_their_json_form(name):
    assert TrainingConfig.from_dict(preset(name).to_dict()) == preset(name)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_hold_only_what_differs(name):
    defaults = {f.name: getattr(TrainingConfig(), f.name) for f in fields(TrainingConfig)}
    for field, value in PRESETS[name].items():
        assert defaults.get(field) != value or "." in field


def test_unknown_preset_names_those_there_are():
    with pytest.raises(ValueError, match="preset must be one of photos, scratch, cifar10, smoke, got 'imagenet'"):
        preset("imagenet")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs must be >= 1, got 0"),
        ({"small_fraction": 1.0}, r"small_fraction must be in \[0, 1\), got 1.0"),
        ({"momentum": 1.0}, r"momentum must be in \[0, 1\), got 1.0"),
        ({"crop_fraction": 0.0}, r"crop_fraction must be in \(0, 1\], got 0.0"),
        ({"peak_lr": -1.0}, r"peak_lr must be in \[0, inf\), got -1.0"),
        ({"peak_lr": math.nan}, r"peak_lr must be in \[0, inf\), got nan"),
        ({"peak_lr": math.inf}, r"peak_lr must be in \[0, inf\), got inf"),
        ({"weight_decay": math.inf}, r"weight_decay must be in \[0, inf\), got inf"),
        ({"label_smoothing": math.nan}, r"label_smoothing must be in \[0, 1\), got nan"),
        ({"checkpoint_every_s": math.nan}, "checkpoint_every_s must be >= 0, got nan"),
        ({"seed": -1}, "seed must be >= 0, got -1"),
        ({"width": 0}, "width must be >= 1, got 0"),
        ({"augmentation.crop": "shift", "augmentation.shift_px": -4}, "shift_px must be >= 0, got -4"),
        ({"augmentation.crop": "shift", "augmentation.shift_px": 128}, r"shift_px must be in \[0, 128\), got 128"),
        ({"augmentation.cutout_px": 129}, r"cutout_px must be in \[0, 128\], got 129"),
        ({"augmentation.rand_magnitude": 11}, r"rand_magnitude must be in \[0, 10\], got 11"),
        ({"augmentation.erasing": 1.5}, r"erasing must be in \[0, 1\], got 1.5"),
        ({"augmentation.mixup": math.inf}, r"mixup must be in \[0, inf\), got inf"),
        ({"layer_decay": 0.0}, r"layer_decay must be in \(0, 1\], got 0.0"),
        ({"stochastic_depth": 1.0}, r"stochastic_depth must be in \[0, 1\), got 1.0"),
        ({"patience": -1}, "patience must be >= 0, got -1"),
        ({"zero_start": True, "norm": "group"}, "zero_start needs norm=batch"),
        ({"augmentation.min_area": 0.0}, r"min_area must be in \(0, 1\], got 0.0"),
    ],
)
def test_values_out_of_range_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replaced(TrainingConfig(), change)


def test_small_images_have_nine_sixteenths_of_the_pixels():
    assert replaced(TrainingConfig(), {"image_px": 128}).small_px ** 2 / 128**2 == 9 / 16
    assert replaced(TrainingConfig(), {"image_px": 1}).small_px == 1


def test_crops_are_cut_from_photos_that_are_larger_than_the_input():
    config = replaced(TrainingConfig(), {"image_px": 112, "crop_fraction": 0.875})
    assert config.stored_px == 196
    assert replaced(config, {"augmentation.crop": "none"}).stored_px is None
    assert (config.pixels.height_px, config.pixels.crop_fraction) == (112, 0.875)


def test_the_settings_of_runs_before_can_be_read_though_one_of_them_is_gone():
    assert TrainingConfig.from_dict({**TrainingConfig().to_dict(), "classifier_rate": 0.03}) == TrainingConfig()


def test_the_settings_of_runs_before_there_were_three_sets_can_be_read():
    older = {name: value for name, value in TrainingConfig().to_dict().items() if name != "validation_fraction"}
    assert TrainingConfig.from_dict(older).held_out == HeldOut(test_fraction=0.15, validation_fraction=0.0, seed=0)
