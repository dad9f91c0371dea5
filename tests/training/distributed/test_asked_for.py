from pathlib import Path

import pytest

from training.__main__ import main
from training.config import preset, replaced
from training.distributed.asked_for import refuse_settings
from training.options import changes_of, parser

NEEDED = ["--data", "photos", "--workdir", "run"]


@pytest.mark.parametrize("strategy", ["mirrored", "multi-worker"])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--init", "lite0"], "--init lite0: a training from another network runs on one device"),
        (["--minutes", "60"], "--minutes, which is of a training from another network: say --set epochs=N"),
        (["--teacher", "runs/other"], "--teacher: what learns from a finished run runs on one device"),
    ],
)
def test_options_that_do_not_go_together_are_named_with_what_is_allowed(strategy, options, words):
    given = parser().parse_args([*NEEDED, "--strategy", strategy, *options])
    with pytest.raises(ValueError, match=f"^--strategy {strategy} does not go together with {words}, or leave"):
        changes_of(given)


@pytest.mark.parametrize("options", [[], ["--init", "none"], ["--start-from", "runs/other"]])
def test_a_training_from_nothing_or_from_a_finished_run_goes_together(options):
    assert changes_of(parser().parse_args([*NEEDED, "--strategy", "mirrored", *options])) == {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"init": "lite0"}, "init=lite0: give --init none"),
        ({"xla": True}, "--xla: the step is compiled for one device"),
        ({"precision": "mixed_float16"}, "precision=mixed_float16.*: give --mixed-precision mixed_bfloat16"),
    ],
)
def test_settings_that_do_not_go_together_are_named(changes, words):
    with pytest.raises(ValueError, match=f"^--strategy mirrored does not go together with {words}"):
        refuse_settings("mirrored", replaced(preset("smoke"), changes))
    refuse_settings("mirrored", replaced(preset("smoke"), {"precision": "mixed_bfloat16"}))


def test_command_says_that_workers_are_missing_before_it_looks_at_the_data(monkeypatch, capsys):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert main(["--data", "nowhere", "--workdir", "nowhere-either", "--strategy", "multi-worker"]) == 2
    assert "--strategy multi-worker reads the workers from TF_CONFIG, which is not set" in capsys.readouterr().err


def test_command_refuses_one_gpu_and_writes_nothing(toy_npz, tmp_path, capsys):
    where = ["--workdir", str(tmp_path / "run"), "--repository", str(tmp_path / "repository")]
    assert main(["--data", str(toy_npz), "--preset", "smoke", "--strategy", "mirrored", *where]) == 2
    assert "it takes two or more, and TensorFlow sees 0; leave --strategy out" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir() if path.name != ".pixels"] == []
    assert not Path("run").exists()
