import pytest

from models.pixels.spec import ImageLimits
from models.predict.arguments import LIMITS, limits_of
from models.spark.arguments import parse

REQUIRED = ["cifar10", "photos", "--out", "answers"]


def test_settings_of_spark_are_names_and_values():
    args = parse([*REQUIRED, "--conf", "spark.executor.memory=2g", "--conf", "spark.a=b=c"])
    assert args.conf == [("spark.executor.memory", "2g"), ("spark.a", "b=c")]
    assert args.master is None


@pytest.mark.parametrize("setting", ["executor.memory=2g", "spark.executor.memory"])
def test_what_is_no_setting_is_refused(setting, capsys):
    with pytest.raises(SystemExit) as leaving:
        parse([*REQUIRED, "--conf", setting])
    assert leaving.value.code == 2
    assert f"must be spark.NAME=VALUE, got {setting!r}" in capsys.readouterr().err


def test_limits_are_those_of_the_other_command():
    assert limits_of(parse(REQUIRED)) == LIMITS
    limits = limits_of(parse([*REQUIRED, "--max-pixels", "100", "--max-cpu-s", "0.5"]))
    assert limits == ImageLimits(LIMITS.max_bytes, 100, 0.5, LIMITS.max_memory_bytes)
