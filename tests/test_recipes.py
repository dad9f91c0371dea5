"""The recipes are commands that there are, in an order in which each finds what it needs."""

import importlib
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from models.store.repository import Repository

RESTORE = "training.restore"
RECIPES = sorted((Path(__file__).resolve().parent.parent / "recipes").glob("*.mk"))


def commands(recipe, folder, *settings):
    """What `make` would run for all rows and the report: the module and its arguments."""
    printed = subprocess.run(
        [shutil.which("make"), "-n", "-f", recipe, "PYTHON=python", "REFERENCES=other=other.tflite", *settings],
        cwd=folder,
        env={"PATH": os.environ["PATH"]},  # the tests themselves may be run by a make
        check=True,
        capture_output=True,
        text=True,
    )
    lines = printed.stdout.replace("\\\n", " ").splitlines()
    for line in (line for line in lines if not line.startswith("touch ")):
        python, flag, module, *arguments = shlex.split(line)
        assert (python, flag) == ("python", "-m")
        yield module, arguments


def value_of(option, arguments):
    return arguments[arguments.index(option) + 1] if option in arguments else None


@pytest.fixture(params=RECIPES, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture(params=["trained", "shipped"])
def recipe(request, path, tmp_path):
    return list(commands(path, tmp_path, f"DENSE={request.param}"))


def test_every_option_is_one_that_the_command_has(recipe, monkeypatch):
    for module, arguments in recipe:
        command = importlib.import_module(module if module == RESTORE else f"{module}.__main__")
        monkeypatch.setattr(command, "run", lambda *_, **__: 0)  # once the options are parsed
        assert command.main(arguments) == 0


def test_every_run_is_there_before_something_is_made_of_it(recipe):
    runs, published = set(), set()
    for module, arguments in recipe:
        workdir, output = value_of("--workdir", arguments), value_of("--output", arguments)
        if module in {"training", RESTORE}:
            runs.add(workdir)
        elif "report" in arguments:
            options = {"--file", *(value for value in arguments if "=" in value)}
            assert {*arguments[arguments.index(output) + 1 :]} - options <= published
        else:
            assert workdir in runs
            runs.add(output)
        published.add(value_of("--name", arguments))


def test_the_shipped_model_that_rows_may_start_from_is_there(path, tmp_path):
    [restored] = [arguments for module, arguments in commands(path, tmp_path, "DENSE=shipped") if module == RESTORE]
    target, repository = restored[0], Repository(path.parent.parent / value_of("--repository", restored))
    name, _, version = target.partition(":")
    assert repository.load(name, int(version)).model_path("tensorflow").is_dir()
