import argparse
from pathlib import Path

import pytest

from optimize.report.options import add_arguments


def parse(*arguments: str) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return vars(parser.parse_args(arguments))


def test_defaults():
    assert parse("--data", "d.npz") == {
        "models": [],
        "files": [],
        "data_path": Path("d.npz"),
        "repository": Path("repository"),
        "baseline": None,
        "output": Path("report"),
        "num_rounds": 11,
        "test_fraction": None,
        "seed": None,
    }


def test_models_and_files_are_collected():
    options = parse("a", "b:2", "--data", "d", "--file", "x=one.tflite", "--file", "y=a=b.tflite")
    assert options["models"] == ["a", "b:2"]
    assert options["files"] == [("x", Path("one.tflite")), ("y", Path("a=b.tflite"))]


@pytest.mark.parametrize("text", ["one.tflite", "=one.tflite", "x="])
def test_file_without_a_name_is_refused(text, capsys):
    with pytest.raises(SystemExit, match="2"):
        parse("--data", "d", "--file", text)
    assert f"expected NAME=PATH, got '{text}'" in capsys.readouterr().err
