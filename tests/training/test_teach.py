"""A student that learns from the toy run, as the command does it."""

import json
from pathlib import Path

import pytest
from toy_data import write_folders

from models.store.repository import Repository
from training.__main__ import main
from training.run import load_model, read_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("eager_module"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`"),
]


def command(toy_run: Path, workdir: Path, *more: str) -> list[str]:
    options = ["--workdir", str(workdir), "--repository", str(workdir.parent / "repository")]
    student = ["--student", "8", "--width", "4", "--image-px", "16", "--rounds", "2", "--passes", "4"]
    settings = ["--set", "crop_fraction=1.0", "--set", "batch_size=32", "--set", "average_decay=0.5"]
    return ["teach", "--teacher", str(toy_run), *options, *student, *settings, *more]


@pytest.fixture(scope="module")
def taught(eager_module, toy_run, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("taught")
    photos = write_folders(folder / "photos", num_images=9, seed=5)
    (photos / "red" / "note.txt").write_text("no image")
    assert main(command(toy_run, folder / "small", "--unlabelled", str(photos))) == 0
    return folder / "small"


def test_student_is_published_under_a_name_of_its_own(taught):
    manifest = Repository(taught.parent / "repository").load("small").manifest
    assert (manifest.architecture["family"], manifest.architecture["variant"]) == ("resnet_v2", "8")
    assert manifest.labels == ("blue", "green", "red")
    assert manifest.pixels.height_px == 16
    assert load_model(taught).input_shape == (None, 16, 16, 3)


def test_record_says_who_taught_it_and_on_what(taught, toy_run):
    run = read_run(taught)
    photos = str(taught.parent / "photos")
    method = {"method": "teaching", "num_rounds": 2, "feature_weight": 3.0}
    assert run.compression == {**method, "teacher": "toy:1", "unlabelled": photos}
    assert run.config.epochs == 2
    assert run.ancestry == read_run(toy_run).commands
    history = [json.loads(line) for line in (taught / "history.jsonl").read_text().splitlines()]
    assert history[-1]["num_steps_done"] == 2 * (2 * (96 + 9) // 32)


def test_same_command_again_asks_the_teacher_nothing_and_says_which_is_served(taught, toy_run, monkeypatch, capsys):
    monkeypatch.delattr("training.teaching.views.write_pixels")
    assert main(command(toy_run, taught, "--unlabelled", str(taught.parent / "photos"))) == 0
    *_, teacher, student, served = capsys.readouterr().out.splitlines()
    assert teacher.startswith("toy: ")
    assert student.startswith("small: ")
    assert served.startswith("to be served: ")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--student", "lite0"], "--student must be a variant of ResNet-v2, such as 18, got lite0"),
        (["--passes", "0"], "passes must be >= 1, got 0"),
        (["--set", "epochs=2"], "give --passes N in place of --set epochs"),
        (["--set", "seed=2"], "a student has the seed of its teacher: leave out --set seed"),
        (["--unlabelled", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(toy_run, tmp_path, capsys, more, message):
    assert main(command(toy_run, tmp_path / "small", *more)) != 0
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    assert message in line
    assert not (tmp_path / "small").exists()


def test_student_and_teacher_cannot_have_one_folder(toy_run, capsys):
    assert main(command(toy_run, toy_run)) == 2
    assert "--workdir is the student's folder" in capsys.readouterr().err
