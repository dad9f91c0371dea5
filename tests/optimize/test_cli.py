import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from optimize.__main__ import main
from optimize.auto_options import Ladder
from optimize.channels.options import ChannelPruning
from optimize.magnitude.options import MagnitudePruning
from optimize.quantization.aware_options import QuantizationAwareTraining
from optimize.quantization.options import Quantization

ACTIONS = {
    "quantize": [],
    "quantize --aware": ["--output", "out"],
    "prune": ["--output", "out"],
    "auto": ["--output", "out"],
}

RUN = ("--workdir", "runs/a", "--output", "o")


@pytest.fixture
def workdir(toy_run, tmp_path):
    return shutil.copytree(toy_run, tmp_path / "toy")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["auto", "--help"], ["quantize", "--help"], ["prune", "--help"], ["report", "--help"]]
)
def test_help(arguments, capsys):
    with pytest.raises(SystemExit, match="0"):
        main(arguments)
    assert "python -m optimize" in capsys.readouterr().out


def refusal_of(capsys, *arguments: str) -> str:
    """The one line on standard error of arguments that cannot be used."""
    assert main(arguments) == 2
    [line] = capsys.readouterr().err.splitlines()
    return line.removeprefix("python -m optimize: ")


@pytest.mark.parametrize("action", ACTIONS)
def test_no_run_is_one_clear_line_and_exit_2(action, tmp_path, capsys):
    line = refusal_of(capsys, *action.split(), "--workdir", str(tmp_path), *ACTIONS[action])
    assert "holds no training run" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("quantize --aware", "--aware trains, and --output is the folder of that run: give both or neither"),
        ("quantize --output out", "--aware trains, and --output is the folder of that run: give both or neither"),
        ("quantize --set momentum=0.8", "--set changes a training: give --aware too"),
        ("quantize --epochs 3", "quantization without --aware has no option --epochs"),
        ("quantize --aware --output out --precision int8", "--aware has no option --precision"),
        ("prune --output out --sparsity 0.5", "--method channels has no option --sparsity"),
        ("prune --output out --method magnitude --keep-streams", "--method magnitude has no option --keep-streams"),
        ("prune --output out --method magnitude --round-epochs 3", "--method magnitude has no option --round-epochs"),
        ("prune --output out --macs 2", "macs must be in (0, 1), got 2.0"),
        ("auto --output out --budget-latency 2", "budget_latency must be in (0, 1], got 2.0"),
        (
            "prune --output out --name Pets",
            "a model name must be 1 to 64 of a-z 0-9 . _ - and begin with a-z or 0-9, got 'Pets'",
        ),
    ],
)
def test_arguments_that_cannot_be_are_told_before_the_run_is_read(arguments, message, capsys):
    assert refusal_of(capsys, *arguments.split(), "--workdir", "missing") == message


def test_quantize_prints_before_and_after(workdir, tmp_path, capsys):
    repository = str(tmp_path / "repository")
    options = ["--workdir", str(workdir), "--repository", repository, "--num-calibration-images", "8"]
    assert main(["quantize", *options, "--max-accuracy-drop", "100"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("published toy version 1 (int8): top-1 ")


def test_refusal_is_one_clear_line_and_exit_1(workdir, tmp_path, capsys):
    options = ["--workdir", str(workdir), "--repository", str(tmp_path), "--num-calibration-images", "8"]
    assert main(["quantize", *options, "--max-accuracy-drop", "-100.5"]) == 1
    assert "max_accuracy_drop is -100.5: not published" in capsys.readouterr().err


class Calls:
    """Stand in for everything that takes time, and keep what it was given."""

    name = "toy"

    def __init__(self) -> None:
        self.settings = self.source = self.options = self.terms = self.changes = self.own = None
        self.folder = None

    def with_settings(self, changes, own=()):
        self.changes, self.own = list(changes), own
        return self

    def open_source(self, workdir, data_path):
        self.source = (workdir, data_path)
        return self

    def make(self, source, *folders_and_settings, **options):
        assert source is self
        *_, self.folder, self.settings = folders_and_settings
        self.options = options
        return SimpleNamespace(publish=self.publish)

    def publish(self, **terms):
        self.terms = terms
        return "published"


@pytest.fixture
def calls(monkeypatch):
    calls = Calls()
    monkeypatch.setattr("optimize.source.open_source", calls.open_source)
    return calls


@pytest.mark.parametrize(
    ("arguments", "maker", "folder", "settings"),
    [
        ("quantize --precision float16", "quantization.post_training.quantize", "runs/a", Quantization("float16")),
        (
            "quantize --aware --output o --epochs 2",
            "quantization.aware.train_quantized",
            "o",
            QuantizationAwareTraining(epochs=2),
        ),
        (
            "prune --output o --macs 0.4 --epochs 3",
            "channels.run.prune_channels",
            "o",
            ChannelPruning(macs=0.4, epochs=3),
        ),
        (
            "prune --output o --method magnitude --sparsity 0.8 --peak-lr 0.01",
            "magnitude.run.prune_magnitude",
            "o",
            MagnitudePruning(sparsity=0.8, peak_lr=0.01),
        ),
        ("auto --output o --budget-latency 0.6", "auto.climb", "o", Ladder(budget_latency=0.6)),
    ],
)
def test_each_action_makes_what_was_asked_for_and_publishes_it(
    calls, monkeypatch, tmp_path, capsys, arguments, maker, folder, settings
):
    monkeypatch.setattr(f"optimize.{maker}", calls.make)
    monkeypatch.chdir(tmp_path)
    terms = "--workdir runs/a --data d.npz --name n --max-accuracy-drop 1 --force n"
    assert main([*arguments.split(), *terms.split()]) == 0
    assert (calls.folder, calls.settings) == (Path(folder), settings)
    assert calls.source == (Path("runs/a"), Path("d.npz"))
    assert calls.options["command"] == f"python -m optimize {arguments} {terms}"
    assert calls.terms.pop("repository").names() == []
    assert calls.terms == {"name": "n", "max_accuracy_drop": 1.0, "force": "n"}
    assert capsys.readouterr().out == "published\n"


def test_settings_of_the_training_can_be_changed_for_the_fine_tuning(calls, monkeypatch):
    monkeypatch.setattr("optimize.channels.run.prune_channels", calls.make)
    assert main(["prune", *RUN, "--set", "momentum=0.8", "--set", "xla=true"]) == 0
    assert calls.changes == ["momentum=0.8", "xla=true"]


@pytest.mark.parametrize("action", ["quantize --aware", "prune", "prune --method magnitude", "auto"])
def test_name_that_cannot_be_forced_is_told_before_anything_is_trained(calls, capsys, action):
    line = refusal_of(capsys, *action.split(), *RUN, "--force", "yes")
    assert line == "force must name the model that is published, 'toy', got 'yes'"


@pytest.mark.parametrize(
    ("action", "maker", "own"),
    [
        ("quantize --aware", "quantization.aware.train_quantized", {"average_decay", "precision"}),
        ("prune", "channels.run.prune_channels", set()),
        ("prune --method magnitude", "magnitude.run.prune_magnitude", {"average_decay"}),
    ],
)
def test_settings_that_a_method_has_its_own_of_are_known(calls, monkeypatch, action, maker, own):
    monkeypatch.setattr(f"optimize.{maker}", calls.make)
    assert main([*action.split(), *RUN]) == 0
    assert calls.own == {"epochs", "peak_lr", "warmup_fraction", "small_fraction"} | own


def test_the_ladder_knows_how_much_accuracy_may_be_lost(calls, monkeypatch):
    monkeypatch.setattr("optimize.auto.climb", calls.make)
    assert main(["auto", *RUN, "--max-accuracy-drop", "0.2"]) == 0
    assert calls.options["max_accuracy_drop"] == calls.terms["max_accuracy_drop"] == 0.2
