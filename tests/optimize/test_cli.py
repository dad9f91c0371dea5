import pytest

from optimize.__main__ import main


@pytest.mark.parametrize("arguments", [["--help"], ["quantize", "--help"], ["prune", "--help"]])
def test_help(arguments, capsys):
    with pytest.raises(SystemExit, match="0"):
        main(arguments)
    assert "python -m optimize" in capsys.readouterr().out


def test_no_run_is_one_clear_line_and_exit_2(tmp_path, capsys):
    assert main(["quantize", "--workdir", str(tmp_path)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("python -m optimize: ")
    assert "holds no training run" in line


def test_quantize_prints_before_and_after(toy_run, tmp_path, capsys):
    repository = str(tmp_path / "repository")
    options = ["--workdir", str(toy_run), "--repository", repository, "--num-calibration-images", "8"]
    assert main(["quantize", *options, "--max-accuracy-drop", "100"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("published toy version 1 (int8): top-1 ")


def test_refusal_is_one_clear_line_and_exit_1(toy_run, tmp_path, capsys):
    options = ["--workdir", str(toy_run), "--repository", str(tmp_path), "--num-calibration-images", "8"]
    assert main(["quantize", *options, "--max-accuracy-drop", "-100.5"]) == 1
    assert "max_accuracy_drop is -100.5: not published" in capsys.readouterr().err
