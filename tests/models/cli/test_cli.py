"""What all commands share: arguments, where the repository is, and how they end."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import SOON_S

from models.cli import SHIPPED, main
from models.store.repository import Repository

REPO = Path(__file__).parents[3]


def start(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "models", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=SOON_S,
        **options,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "COMMAND"),
        (["promote", "flowers"], "a version must be named, as in flowers:1"),
        (["promote", "flowers:3"], "model 'flowers' has no version 3; it has 1, 2"),
        (["unknown"], "invalid choice: 'unknown'"),
        (["inspect"], "NAME[:VERSION]"),
        (["inspect", "Flowers"], "a model name must be 1 to 64 of a-z 0-9 . _ -"),
        (["inspect", "flowers:"], "a version must be a whole number >= 1, got ''"),
        (["inspect", "flowers:x"], "a version must be a whole number >= 1, got 'x'"),
        (["inspect", "flowers:0"], "a version must be a whole number >= 1, got '0'"),
        (["inspect", "flowers:9999999999999999999"], "a version must be a whole number >= 1 and below 2**63"),
        (["inspect", "cars"], "there is no model 'cars'; the repository holds birds, flowers"),
        (["inspect", "flowers:3"], "model 'flowers' has no version 3; it has 1, 2"),
        (["verify", "cars"], "there is no model 'cars'"),
        (["verify", "flowers:3"], "model 'flowers' has no version 3; it has 1, 2"),
        (["publish", "/nowhere"], "there is no folder /nowhere to publish"),
        (["publish", "/", "--name", "A B"], "a model name must be"),
        (["export", "flowers:1"], "the following arguments are required: --out"),
        (["verify", "--answers", "answers.json"], "--golden and --answers need a FILE or NAME to compare with"),
    ],
)
def test_wrong_arguments_end_with_one_line(models, arguments, message):
    status, out, err = models(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("python -m models")
    assert message in err
    assert err.count("\n") == 1


def test_a_repository_that_is_not_there_is_named(tmp_path, capsys):
    assert main(["list", "--repository", str(tmp_path / "nowhere")]) == 2
    assert f"there is no repository at {tmp_path / 'nowhere'}: give --repository" in capsys.readouterr().err


def test_options_may_stand_before_the_command(repository, capsys):
    assert main(["--json", "--repository", str(repository.root), "list"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 3


def test_the_repository_is_taken_from_the_environment_then_the_folder(repository, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPSIN_REPOSITORY", str(repository.root))
    assert main(["inspect", "birds"]) == 0
    monkeypatch.delenv("OPSIN_REPOSITORY")
    repository.root.rename("repository")
    assert main(["inspect", "birds"]) == 0
    assert main(["publish", "repository/birds/1", "--name", "mine"]) == 0
    assert Path("repository/mine/1").is_dir()


def test_publish_makes_a_repository_here_rather_than_change_the_shipped_models(repository, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPSIN_REPOSITORY", raising=False)
    assert main(["publish", str(repository.root / "birds" / "1")]) == 0
    assert Repository(tmp_path / "repository").versions("birds") == [1]


def test_help_shows_examples():
    done = start("--help", cwd=REPO)
    assert done.returncode == 0
    for text in ("python -m models verify cifar10", "exit status: 0 all is well", "--repository DIR", "publish"):
        assert text in done.stdout


def test_help_names_versions_of_the_shipped_model_that_there_are(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    versions = re.findall(r"cifar10[:/](\d+)", capsys.readouterr().out)
    assert len(versions) == 2
    assert {int(version) for version in versions} <= {*Repository(SHIPPED).versions("cifar10")}


def test_a_label_that_the_terminal_cannot_show_is_no_error(repository):
    done = start(
        "inspect", "flowers", "--repository", repository.root, cwd=REPO, env=os.environ | {"PYTHONIOENCODING": "ascii"}
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "G\\xe4nsebl\\xfcmchen" in done.stdout


@pytest.mark.parametrize("command", ["list", "verify"])
def test_a_reader_that_leaves_early_gets_no_traceback(repository, command):
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        arguments = [sys.executable, "-m", "models", command, "--repository", str(repository.root)]
        done = subprocess.run(
            arguments, stdout=write_end, stderr=subprocess.PIPE, cwd=REPO, check=False, timeout=SOON_S
        )
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (141, b"")


def test_nothing_heavy_is_imported():
    code = (
        "import sys, models.cli; "
        "print([name for name in ('tensorflow', 'tf_keras', 'flask', 'ai_edge_litert') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPO, check=True, timeout=SOON_S
    )
    assert done.stdout == "[]\n"
