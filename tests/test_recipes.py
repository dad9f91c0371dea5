"""The recipes are commands that there are, in an order in which each finds what it needs."""

import importlib
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

RECIPES = sorted((Path(__file__).resolve().parent.parent / "recipes").glob("*.mk"))


def commands(recipe, folder):
    """What `make` would run for all rows and the report: the module and its arguments."""
    printed = subprocess.run(
        [shutil.which("make"), "-n", "-f", recipe, "PYTHON=python", "REFERENCES=other=other.tflite"],
        cwd=folder,
        env={"PATH": os.environ["PATH"]},  # the tests themselves may be run by a make
        check=True,
        capture_output=True,
        text=True,
    )
    for line in printed.stdout.replace("\\\n", " ").splitlines():
        python, flag, module, *arguments = shlex.split(line)
        assert (python, flag) == ("python", "-m")
        yield module, arguments


def value_of(option, arguments):
    return arguments[arguments.index(option) + 1] if option in arguments else None


@pytest.fixture(params=RECIPES, ids=lambda path: path.stem)
def recipe(request, tmp_path):
    return list(commands(request.param, tmp_path))


def test_every_option_is_one_that_the_command_has(recipe, monkeypatch):
    for module, arguments in recipe:
        command = importlib.import_module(f"{module}.__main__")
        monkeypatch.setattr(command, "run", lambda *_: 0)  # once the options are parsed
        assert command.main(arguments) == 0


def test_every_run_is_there_before_something_is_made_of_it(recipe):
    runs, published = set(), set()
    for module, arguments in recipe:
        workdir, output = value_of("--workdir", arguments), value_of("--output", arguments)
        if module == "training":
            runs.add(workdir)
        elif "report" in arguments:
            assert {*arguments[arguments.index(output) + 1 : arguments.index("--file")]} <= published
        else:
            assert workdir in runs
            runs.add(output)
        published.add(value_of("--name", arguments))
