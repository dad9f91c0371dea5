import subprocess
import sys

import pytest

from training.__main__ import main
from training.cli import command_line, run


def test_help_shows_an_example(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "python -m training --data photos/ --workdir runs/flowers" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere.npz"], "python -m training: no such file or folder: nowhere.npz"),
        (
            ["--preset", "imagenet"],
            "python -m training: preset must be one of photos, scratch, cifar10, smoke, got 'imagenet'",
        ),
        (["--set", "epochs=0"], "python -m training: epochs must be >= 1, got 0"),
        (["--teacher-weight", "0.5"], "python -m training: --teacher-weight and --temperature say how to learn"),
        (["--temperature", "4"], "python -m training: --teacher-weight and --temperature say how to learn"),
        (["--teacher", "t", "--teacher-weight", "2"], "python -m training: the weight of the teacher must be in"),
        (["--name", "No Name"], "python -m training: a model name must be"),
    ],
)
def test_bad_arguments_are_one_clear_line_and_exit_2(tmp_path, capsys, arguments, message):
    complete = ["--data", "x.npz", "--workdir", str(tmp_path / "run"), *arguments]
    assert main(complete) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(message)
    assert not (tmp_path / "run").exists()


def test_ctrl_c_promises_nothing_of_a_command_that_may_not_train(capsys):
    def interrupted() -> str:
        raise KeyboardInterrupt

    assert run("python -m optimize report", interrupted) == 130
    assert capsys.readouterr().err == "stopped\n"


def test_a_file_that_cannot_be_written_is_one_clear_line(tmp_path, capsys):
    (tmp_path / "report").touch()

    def failing() -> str:
        (tmp_path / "report").mkdir()
        return "never"

    assert run("python -m optimize", failing) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line == f"python -m optimize: {tmp_path / 'report'}: File exists"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: --data, --workdir"),
        (["--data", "x.npz", "--workdir", "run", "--set", "epoch=3"], "expected FIELD=VALUE with FIELD one of variant"),
        (["--data", "x.npz", "--workdir", "run", "--temperature", "2"], "give --teacher too"),
    ],
)
def test_bad_arguments_are_told_without_loading_tensorflow(arguments, message):
    code = (
        "import sys; from training.__main__ import main\n"
        "try: code = main(sys.argv[1:])\n"
        "finally: assert 'tensorflow' not in sys.modules\n"
        "sys.exit(code)"
    )
    command = [sys.executable, "-c", code, *arguments]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 2
    assert message in process.stderr


def test_a_command_with_a_path_that_is_not_utf_8_can_be_recorded():
    assert command_line("p", ["--data", "a b/caf\udce9"]) == r"p --data 'a b/caf\udce9'"
