import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from waiting import SOON_S

from models.store.repository import Repository
from optimize.__main__ import current_spelling, main
from optimize.gate import Limits
from optimize.settings import ChannelPruning, MagnitudePruning, Quantization, QuantizationAwareTraining, Search

COMMANDS = {
    "quantize": [],
    "quantize-aware": ["--output", "out"],
    "prune channels": ["--output", "out"],
    "prune magnitude": ["--output", "out"],
    "auto": ["--output", "out"],
}
HELPS = ["", *COMMANDS, "prune", "report", "export"]

RECIPES = Path(__file__).parents[2] / "recipes"
RUN = ("--workdir", "runs/a", "--output", "o")


@pytest.fixture
def workdir(toy_run, tmp_path):
    return shutil.copytree(toy_run, tmp_path / "toy")


@pytest.mark.parametrize("command", HELPS)
def test_help(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([*command.split(), "--help"])
    assert f"usage: python -m optimize {command}".rstrip() in capsys.readouterr().out


def refusal_of(capsys, *arguments: str) -> str:
    """The one line on standard error of arguments that cannot be used."""
    try:
        assert main(arguments) == 2
    except SystemExit as end:
        assert end.code == 2  # noqa: PT017 - a parser ends the process, a command returns
    [line] = capsys.readouterr().err.splitlines()
    return line.removeprefix("python -m optimize: ")


@pytest.mark.parametrize("command", COMMANDS)
def test_no_run_is_one_clear_line_and_exit_2(command, tmp_path, capsys):
    line = refusal_of(capsys, *command.split(), "--workdir", str(tmp_path), *COMMANDS[command])
    assert "holds no training run" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("quantize-aware", "the following arguments are required: --output"),
        ("quantize --aware", "the following arguments are required: --output"),
        ("quantize --output out", "unrecognized arguments: --output out"),
        ("quantize --set momentum=0.8", "unrecognized arguments: --set momentum=0.8"),
        ("quantize --epochs 3", "unrecognized arguments: --epochs 3"),
        (
            "quantize birds:1",
            "unrecognized arguments: birds:1; this starts from the folder of a training, --workdir, which a model that "
            "was imported has not: `python -m models import --int8` quantizes it",
        ),
        ("quantize-aware --output out --precision int8", "unrecognized arguments: --precision int8"),
        ("prune channels --output out --sparsity 0.5", "unrecognized arguments: --sparsity 0.5"),
        ("prune magnitude --output out --keep-streams", "unrecognized arguments: --keep-streams"),
        ("prune magnitude --output out --round-epochs 3", "unrecognized arguments: --round-epochs 3"),
        ("prune channels --output out --macs x", "argument --macs: invalid float value: 'x'"),
        ("prune channels --output out --macs 2", "macs must be in (0, 1), got 2.0"),
        ("auto --output out --budget-latency 2", "budget_latency must be in (0, 1], got 2.0"),
        (
            "prune channels --output out --name Pets",
            "a model name must be 1 to 64 of a-z 0-9 . _ - and begin with a-z or 0-9, got 'Pets'",
        ),
    ],
)
def test_arguments_that_cannot_be_are_told_before_the_run_is_read(arguments, message, capsys):
    line = refusal_of(capsys, *arguments.split(), "--workdir", "missing")
    assert line.partition(" (see python -m optimize")[0].endswith(message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--macs 2", "macs must be in (0, 1), got 2.0"),
        ("--peak-lr -1", "peak_lr must be >= 0, got -1.0"),
        ("--set epochs=3", "epochs cannot be set: a fine-tuning has its own; see --help"),
        ("--set seed=3", "seed cannot be changed: the trained network is made for it"),
        ("--set momentum=1", "momentum must be in [0, 1), got 1.0"),
    ],
)
def test_bad_arguments_are_told_before_tensorflow_loads(arguments, message):
    code = (
        "import sys; from optimize.__main__ import current_spelling, main; main(sys.argv[1:]); "
        "print([name for name in ('tensorflow', 'tf_keras') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, "prune", "channels", *RUN, *arguments.split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SOON_S)
    assert (done.stdout, done.stderr) == ("[]\n", f"python -m optimize: {message}\n")


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("quantize --aware --output o --epochs 2", "quantize-aware --output o --epochs 2"),
        ("quantize --output o --aware", "quantize-aware --output o"),
        ("prune --output o --macs 0.4", "prune channels --output o --macs 0.4"),
        ("prune --method channels --output o", "prune channels --output o"),
        ("prune --output o --method=magnitude --sparsity 0.8", "prune magnitude --output o --sparsity 0.8"),
        ("prune --method magnitude --help", "prune magnitude --help"),
    ],
)
def test_commands_as_they_once_were_are_what_they_are_now(before, now):
    assert current_spelling(before.split()) == now.split()
    assert current_spelling(now.split()) == now.split()


def test_commands_that_manifests_have_can_still_be_given(monkeypatch):
    monkeypatch.setattr("optimize.__main__.run", lambda *_: 0)  # once the options are parsed
    manifests = [json.loads(path.read_text()) for path in RECIPES.glob("cifar10/*/*/manifest.json")]
    commands = {command for manifest in manifests for command in manifest["provenance"]["training_commands"]}
    ours = [command for command in commands if command.startswith("python -m optimize ")]
    assert ours
    for command in ours:
        assert main(shlex.split(command)[3:]) == 0


def test_quantize_prints_before_and_after(workdir, tmp_path, capsys):
    repository = str(tmp_path / "repository")
    options = ["--workdir", str(workdir), "--repository", repository, "--num-calibration-images", "8"]
    assert main(["quantize", *options, "--max-accuracy-drop", "100"]) == 0
    lines = capsys.readouterr().out.splitlines()
    [index] = [index for index, line in enumerate(lines) if line.startswith("published toy version 1 (int8): top-1 ")]
    assert lines[index + 1].endswith(" validation images against toy:1; max_accuracy_drop is 100")


def test_refusal_is_one_clear_line_and_exit_1(workdir, tmp_path, capsys):
    options = ["--workdir", str(workdir), "--repository", str(tmp_path), "--num-calibration-images", "8"]
    assert main(["quantize", *options, "--max-accuracy-drop", "-100.5"]) == 1
    assert "max_accuracy_drop is -100.5: not published; the same command with --force toy" in capsys.readouterr().err


def test_damaged_model_is_refused_and_published_by_its_name_alone(workdir, tmp_path, capsys):
    """The file that training measured is whole; what quantization is made from takes each class for another."""
    from training.run import load_model, save_model

    model = load_model(workdir)
    kernel, bias = model.get_layer("predictions").get_weights()
    model.get_layer("predictions").set_weights([np.roll(kernel, 1, axis=1), np.roll(bias, 1)])
    save_model(workdir, model)
    options = ["--workdir", str(workdir), "--repository", str(tmp_path), "--num-calibration-images", "8"]
    assert main(["quantize", *options]) == 1
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("python -m optimize: ")]
    assert "top-1 -100.00 points (" in line
    assert " on 18 validation images against toy:1; max_accuracy_drop is 0.5: not published; " in line
    assert Repository(tmp_path).names() == []
    assert main(["quantize", *options, "--force", "toy"]) == 0


def test_file_for_another_device_is_added_where_the_run_published(workdir, toy_run, monkeypatch, tmp_path):
    added = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPSIN_REPOSITORY", raising=False)
    monkeypatch.setattr("optimize.for_device.add_file", lambda *_, repository, **__: added.append(repository.root))
    assert main(["export", "toy:1", "--for", "gpu", "--workdir", str(workdir)]) == 0
    assert added == [toy_run.parent / "repository"]


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

    def repository(self, given):
        return Repository(given or Path("repository"))

    def make(self, source, *folders_and_settings, **options):
        assert source is self
        *_, self.folder, self.settings = folders_and_settings
        self.options = options
        return SimpleNamespace(publish=self.publish)

    def publish(self, repository, **terms):
        self.terms = {"repository": repository, **terms}
        return "published"


@pytest.fixture
def calls(replace_function):
    calls = Calls()
    replace_function("optimize.source.open_source", calls.open_source)
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
            "prune channels --output o --macs 0.4 --epochs 3 --keep-streams",
            "channels.prune.prune_channels",
            "o",
            ChannelPruning(macs=0.4, epochs=3, with_streams=False),
        ),
        (
            "prune --output o --method magnitude --sparsity 0.8 --peak-lr 0.01 --at-once --layer-sparsity conv1_conv=0",
            "magnitude.prune.prune_magnitude",
            "o",
            MagnitudePruning(sparsity=0.8, peak_lr=0.01, one_shot=True, layer_sparsity=("conv1_conv=0",)),
        ),
        ("auto --output o --budget-latency 0.6", "auto.search", "o", Search(budget_latency=0.6)),
    ],
)
def test_each_action_makes_what_was_asked_for_and_publishes_it(
    calls, replace_function, monkeypatch, tmp_path, capsys, arguments, maker, folder, settings
):
    replace_function(f"optimize.{maker}", calls.make)
    monkeypatch.chdir(tmp_path)
    terms = "--workdir runs/a --data d.npz --name n --max-accuracy-drop 1 --force n"
    assert main([*arguments.split(), *terms.split()]) == 0
    assert (calls.folder, calls.settings) == (Path(folder), settings)
    assert calls.source == (Path("runs/a"), Path("d.npz"))
    assert calls.options["command"] == f"python -m optimize {arguments} {terms}"
    assert calls.terms.pop("repository").names() == []
    assert calls.terms == {"name": "n", "limits": Limits(1.0), "force": "n"}
    assert capsys.readouterr().out == "starting TensorFlow, which takes seconds\npublished\n"


def test_settings_of_the_training_can_be_changed_for_the_fine_tuning(calls, replace_function):
    replace_function("optimize.channels.prune.prune_channels", calls.make)
    assert main(["prune", "channels", *RUN, "--set", "momentum=0.8", "--set", "xla=true"]) == 0
    assert calls.changes == ["momentum=0.8", "xla=true"]


@pytest.mark.parametrize("action", ["quantize-aware", "prune channels", "prune magnitude", "auto"])
def test_name_that_cannot_be_forced_is_told_before_anything_is_trained(calls, capsys, action):
    line = refusal_of(capsys, *action.split(), *RUN, "--force", "yes")
    assert line == "force must name the model that is published, 'toy', got 'yes'"


@pytest.mark.parametrize(
    ("action", "maker", "own"),
    [
        ("quantize-aware", "quantization.aware.train_quantized", {"average_decay", "precision"}),
        ("prune channels", "channels.prune.prune_channels", set()),
        ("prune magnitude", "magnitude.prune.prune_magnitude", {"average_decay"}),
    ],
)
def test_settings_that_a_method_has_its_own_of_are_known(calls, replace_function, action, maker, own):
    replace_function(f"optimize.{maker}", calls.make)
    assert main([*action.split(), *RUN]) == 0
    assert calls.own == {"epochs", "peak_lr", "warmup_fraction", "small_fraction"} | own


def test_the_search_knows_how_much_accuracy_may_be_lost(calls, replace_function):
    replace_function("optimize.auto.search", calls.make)
    assert main(["auto", *RUN, "--max-accuracy-drop", "0.2", "--max-class-drop", "20"]) == 0
    assert calls.options["limits"] == calls.terms["limits"] == Limits(0.2, 20)
