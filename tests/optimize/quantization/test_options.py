import argparse
from pathlib import Path

import pytest

from optimize.options import take
from optimize.quantization.options import Quantization, add_arguments


def parsed(*arguments: str) -> Quantization:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return take(Quantization, vars(parser.parse_args(arguments)))


def test_options_not_given_keep_their_defaults():
    assert parsed() == Quantization("int8", num_calibration_images=512, calibration="random", calibration_images=None)


def test_options_become_settings():
    assert parsed("--precision", "dynamic") == Quantization("dynamic")
    assert parsed("--num-calibration-images", "30", "--calibration", "balanced") == Quantization(
        num_calibration_images=30, calibration="balanced"
    )
    assert parsed("--calibration-images", "own.zip") == Quantization(calibration_images=Path("own.zip"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "int4"}, "precision must be one of int8, float16, dynamic, got 'int4'"),
        ({"num_calibration_images": 0}, "num_calibration_images must be >= 1, got 0"),
        ({"calibration": "best"}, "calibration must be one of random, balanced, got 'best'"),
        ({"calibration": "balanced", "calibration_images": Path("own")}, "their classes are not known"),
        ({"precision": "float16", "calibration_images": Path("own")}, "float16 needs no calibration"),
        ({"precision": "dynamic", "calibration": "balanced"}, "dynamic needs no calibration"),
        ({"precision": "float16", "num_calibration_images": 3}, "float16 needs no calibration"),
    ],
)
def test_settings_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Quantization(**options)
