"""A run that starts from another, as the command does it: the finished toy run knows colours by other names."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from toy_data import toy_images

from models.store.repository import Repository
from training.__main__ import main
from training.run import load_model, read_run
from training.transfer.validation_score import FineTuned, ValidationScore

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("eager_module"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`"),
]


@pytest.fixture(scope="module")
def other_npz(tmp_path_factory) -> Path:
    """The toy's pictures in other classes, as many: the first two colours in turn, and the third by itself."""
    path = tmp_path_factory.mktemp("data") / "other.npz"
    (x_train, y_train), (x_test, y_test) = toy_images(60, seed=3), toy_images(30, seed=4)
    turned = np.array([2, 0, 1])
    labels = np.array(["cherry", "sky", "leaf"])
    np.savez(path, x_train=x_train, y_train=turned[y_train], x_test=x_test, y_test=turned[y_test], labels=labels)
    return path


def command(npz: Path, toy_run: Path, workdir: Path, *more: str) -> list[str]:
    options = ["--init", str(toy_run), "--workdir", str(workdir), "--repository", str(workdir.parent / "repository")]
    settings = ["epochs=2", "batch_size=16", "small_fraction=0"]
    return ["--data", str(npz), *options, *(word for setting in settings for word in ("--set", setting)), *more]


@pytest.fixture(scope="module")
def finished(eager_module, other_npz, toy_run, tmp_path_factory) -> Path:
    workdir = tmp_path_factory.mktemp("transfer") / "fruit"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ValidationScore, "is_worse_than", lambda *_: False)  # both are right always
        assert main(command(other_npz, toy_run, workdir)) == 0
    return workdir


def test_head_is_published_first_and_then_what_all_layers_have_learned(finished):
    repository = Repository(finished.parent / "repository")
    head, whole = (repository.load("fruit", version).manifest for version in (1, 2))
    assert head.metrics["float32"]["top1"] == whole.metrics["float32"]["top1"] == 1.0
    assert head.labels == whole.labels == ("cherry", "sky", "leaf")
    assert whole.provenance["config"]["init"].endswith("toy")
    assert whole.architecture["variant"] == "8"
    assert json.loads((finished / "metrics.json").read_text())["float32"]["published"] == "fruit:2"


def test_few_test_images_bring_the_accuracy_of_the_head_on_all_images(finished):
    repository = Repository(finished.parent / "repository")
    head, whole = (repository.load("fruit", version).manifest.metrics for version in (1, 2))
    found = head["cross_validation"]
    assert found["of"] == "the classifier alone"
    assert (found["num_images"], found["top1"], found["num_folds"]) == (90, 1.0, 5)
    assert whole["cross_validation"] == found
    assert repository.stable_version("fruit") == 2


def test_record_has_the_recipe_and_the_plan(finished):
    run = read_run(finished)
    assert run.recipe["reason"].endswith("as asked for")
    assert run.recipe["plan"]["epochs"] == 2
    assert run.recipe["plan"]["num_for_head"] == 51
    assert {path.name for path in (finished / "features").iterdir()} == {"train.npy", "validation.npy", "test.npy"}
    assert run.ancestry == ("python -m training --data toy.npz --preset smoke",)


def test_same_command_again_keeps_the_plan_and_publishes_nothing_new(finished, other_npz, toy_run, monkeypatch, capsys):
    monkeypatch.delattr("training.transfer.train.measure_speed")
    monkeypatch.setattr(ValidationScore, "is_worse_than", lambda *_: False)
    assert main(command(other_npz, toy_run, finished)) == 0
    assert Repository(finished.parent / "repository").versions("fruit") == [1, 2]
    out = capsys.readouterr().out
    assert "tells other classes apart: nothing of its classifier is kept" in out
    assert "then all layers, 2 epochs" in out
    assert "\npublished fruit version 2: 100.0 % of 30 test images" in out


def test_what_all_layers_learned_is_left_where_validation_says_so(finished, other_npz, toy_run, tmp_path, capsys):
    # A learning rate that is far too high for a network that knows the answer.
    more = ("--set", "peak_lr=0.3", "--set", "weight_decay=0.5")
    assert main(command(other_npz, toy_run, tmp_path / "fruit", *more)) == 0
    assert "; the classifier alone is kept\n" in capsys.readouterr().out
    assert FineTuned.read(tmp_path / "fruit").before.num_right == 9
    assert "the classifier alone is what this run published" in (tmp_path / "fruit" / "report.html").read_text()
    assert Repository(tmp_path / "repository").versions("fruit") == [1]
    kept, toy = (
        load_model(folder).get_layer("conv1_conv").get_weights()[0] for folder in (tmp_path / "fruit", toy_run)
    )
    np.testing.assert_array_equal(kept, toy)


def test_folder_of_a_run_from_nothing_is_refused_as_one_of_other_settings(other_npz, toy_run, tmp_path, capsys):
    workdir = tmp_path / "fruit"
    more = ("--init", "none", "--preset", "smoke", "--set", "epochs=1")
    assert main(command(other_npz, toy_run, workdir, *more)) == 0
    assert main(command(other_npz, toy_run, workdir)) == 2
    assert re.search(r"fruit holds a run with other settings .*init 'none' there", capsys.readouterr().err)


@pytest.mark.parametrize("init", ["run", "none"])
def test_dry_run_says_how_long_it_takes_and_writes_nothing(other_npz, toy_run, tmp_path, capsys, init):
    more = ("--dry-run",) if init == "run" else ("--init", "none", "--preset", "smoke", "--dry-run")
    assert main(command(other_npz, toy_run, tmp_path / "fruit", *more)) == 0
    out = capsys.readouterr().out
    assert "recipe: " in out
    assert ("about 0:" in out) or ("about 1:" in out)
    assert out.splitlines()[-1].startswith("nothing was trained, and nothing written")
    assert list(tmp_path.iterdir()) == []
