import base64
import hashlib
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from html_reader import Reader

from training.config import preset
from training.data import encode_png
from training.dataset import Dataset, Split
from training.history import EpochRecord
from training.measured import Answers, measured
from training.moves import Move, read_moves
from training.report.report import report_line, write_report
from training.run import Run, record_publication
from training.survey import CopyGroup, Survey
from training.transfer.validation_score import FineTuned, ValidationScore

GREY = encode_png(np.full((2, 4, 3), 99, np.uint8))
HOSTILE = '</script><script>alert("x")</script>'
QUOTES = "\"onmouseover='alert(1)' x=\""


def run_of(labels, **changes):
    values = {"command": "python -m training --data photos", "config": preset("smoke"), "data": "my photos {1}"}
    values |= {"data_name": "photos", "data_sha256": "0" * 64, "labels": tuple(labels)}
    return Run.new(**values | changes)


def written(folder, parts, *, labels, groups=(), **changes):
    """Write the report of a run whose file answers the test photos, and perhaps the validation photos, so."""
    test, *others = parts
    train = Split(np.arange(len(labels)), lambda _: GREY)
    validation = others[0].split if others else test.split
    survey = Survey(
        "photos", {label: {"train": 9, "validation": 9, "test": 9} for label in labels}, "drawn", {}, copies=groups
    )
    data = Dataset("photos", "0" * 64, tuple(labels), train, validation, test.split, survey=survey)
    answers = Answers(others[0].probabilities if others else test.probabilities, test.probabilities)
    run = run_of(labels, **changes)
    figures = measured(folder / "float32.tflite", data, answers, precision="float32", temperature=1.25)
    return write_report(folder, run, data, figures)


@pytest.fixture(autouse=True)
def no_tensorflow(monkeypatch):
    monkeypatch.setattr("training.report.report.augmented", lambda *_: [["data:image/webp;base64,AA=="]])


@pytest.fixture
def page(tmp_path):
    def page(*parts, labels=("daisy", "rose", "tulip"), **changes):
        path = written(tmp_path, parts, labels=labels, **changes)
        assert path == tmp_path / "report.html"
        return path.read_text()

    return page


def test_a_page_needs_nothing_but_itself(page, six):
    found = page(six)
    reader = Reader(found)
    assert not {"link", "iframe", "object", "base"} & set(reader.tags)
    assert all(value.startswith("data:") for value in reader.values("src"))
    assert all(value.startswith("#") for value in reader.values("href") + reader.values("xlink:href"))
    assert all(url.startswith(("data:image/webp;base64,", "#")) for url in re.findall(r"url\(([^)]*)\)", found))
    assert "@import" not in found
    [script] = re.findall(r"<script>(.*?)</script>", found, re.DOTALL)
    sha256 = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{sha256}'"
        in reader.values("content")
    )


def test_every_link_leads_to_a_part_of_the_page(page, six, answers):
    reader = Reader(page(six, answers([0, 1], [[0.9, 0.1, 0], [0.9, 0.1, 0]], part="validation")))
    targets = reader.values("href")
    assert {"#test-0-1", "#validation-1-0", "#test-matrix", "#validation-matrix", "#suspects"} <= set(targets)
    ids = reader.values("id")
    assert {target[1:] for target in targets} <= set(ids)
    assert len(ids) == len(set(ids))


def test_figures_have_their_intervals(page, six):
    texts = Reader(page(six)).texts
    assert "photos: 50.0 % of 6 test photos (18.8 to 81.2) right" in texts
    assert "50.0 % (9.5 to 90.5)" in texts  # recall of each class
    assert "25.0 % (4.6 to 69.9)" not in texts
    assert "33.3 % (6.1 to 79.2)" in texts  # precision of rose: 1 of 3
    assert not {"#2", "in confusion.png"} & set(texts)


def test_cross_validation_is_told_where_there_is_one(page, six, tmp_path):
    assert "cross-validation" not in page(six)
    figures = {"num_images": 40, "top1": 0.925, "num_folds": 5}
    record_publication(tmp_path, "float32", published="a:1", cross_validation=figures)
    assert "any other layer learned: 92.5 % of 40 photos in 5 folds (80.1 to 97.4) right." in page(six)


def test_a_cell_opens_its_photos(page, six):
    found = page(six)
    assert '<a href="#test-2-1" aria-label="1 photo of tulip taken for rose">1</a>' in found
    section = found[found.index('<section class="cell" id="test-2-1" tabindex="-1">') :].partition("</section>")[0]
    assert (
        'data-path="test/tulip/5.png" data-from="tulip" data-to="rose" data-why="answer: rose 80 %, tulip 20 %"'
        in section
    )
    assert '<span class="photo photo-test-5" role="img" aria-label="photo test/tulip/5.png"></span>' in section
    assert ".photo-test-5 { background-image: url(data:image/webp;base64," in found


@pytest.mark.parametrize("hostile", [HOSTILE, QUOTES, "<img src=x onerror=alert(1)>", "{{ 7*7 }}", "&lt;b&gt;"])
def test_no_name_becomes_markup(page, answers, hostile):
    labels = (hostile, "b")
    photos = answers([0, 1], [[0.1, 0.9], [0.2, 0.8]], labels=["x", "b"])
    object.__setattr__(photos.split, "names", (f"{hostile}/1.jpg", "b/2.jpg"))
    reader = Reader(page(photos, labels=labels, command=hostile, data=hostile))
    assert reader.tags.count("script") == 1
    assert not {name for name, _ in reader.attributes if name.startswith("on")}
    assert hostile in reader.texts
    assert f"{hostile}/1.jpg" in reader.values("data-path")
    assert hostile in reader.values("data-from")
    assert "49" not in reader.texts


@pytest.mark.parametrize("label", ["猫", "犬 🐶", "सेब", "$5_$10", "x" * 5000])
def test_a_class_may_have_any_name(page, answers, label):
    photos = answers([0, 1], [[0.1, 0.9], [0.2, 0.8]], labels=["a", "b"])
    assert label in Reader(page(photos, labels=(label, "b"))).texts


def test_a_class_that_confusion_png_numbers_has_its_number(page, answers):
    photos = answers([0, 1], [[0.1, 0.9], [0.2, 0.8]], labels=["a", "b"])
    texts = Reader(page(photos, labels=("a", "猫"))).texts
    assert {"in confusion.png", "#2"} <= set(texts)
    assert "#1" not in texts


@pytest.mark.parametrize(("loss", "verdict"), [(0.4, "is what this run published."), (0.6, "That is not better: ")])
def test_it_is_told_which_of_classifier_and_all_layers_is_kept(page, six, tmp_path, loss, verdict):
    FineTuned(ValidationScore(12, 15, 0.5), ValidationScore(12, 15, loss)).save(tmp_path)
    (tmp_path / "history.jsonl").write_text(json.dumps(dict.fromkeys(EpochRecord.__slots__, 1)) + "\n")
    told = " ".join(Reader(page(six)).texts)
    assert "right for 80.0 % of 15 validation images (54.8 to 93.0), loss 0.500. Then all layers learned" in told
    assert verdict in told
    assert ("the classifier alone is what this run published" in told) is (loss > 0.5)


SUSPICIOUS = [[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.2, 0.8], [0.4, 0.6], [0.9, 0.1]]  # the third and the last


def test_suspects_are_written_as_a_list_of_moves(page, answers, tmp_path):
    sure = [[0.9, 0.1]] * 10
    found = page(answers([0, 0, 0, 1, 1, 1] + [0] * 10, SUSPICIOUS + sure, labels=("a", "b")), labels=("a", "b"))
    assert read_moves(tmp_path / "suggested-moves.csv") == [
        Move("test/b/5.png", "b", "a", "answer: a 90 %, b 10 %"),
        Move("test/a/2.png", "a", "b", "answer: b 80 %, a 20 %"),
    ]
    assert "All are in suggested-moves.csv, beside this page" in found
    assert f"python -m training relabel {tmp_path}/suggested-moves.csv --data &#39;my photos {{1}}&#39;" in found


def test_training_photos_are_asked_for_where_their_features_are_kept(page, answers, tmp_path, monkeypatch):
    photos = answers([0, 1] * 10, [[0.9, 0.1], [0.1, 0.9]] * 10, labels=("a", "b"))
    rows = SUSPICIOUS + [[0.9, 0.1]] * 10
    training = answers([0, 0, 0, 1, 1, 1] + [0] * 10, rows, labels=("a", "b"), part="training")
    monkeypatch.setattr("training.report.report.out_of_fold", lambda *_: training)
    found = page(photos, labels=("a", "b"), recipe={"reason": "few photos", "otherwise": ["--init none"]})
    moves = read_moves(tmp_path / "suggested-moves.csv")
    assert [move.path for move in moves] == ["training/b/5.png", "training/a/2.png"]
    assert "fitted to the others in five turns" in found
    assert {"few photos", "otherwise: --init none"} <= set(Reader(found).texts)


def test_suspects_of_a_model_that_is_often_wrong_are_no_suggestions(page, answers, tmp_path):
    found = page(answers([0, 0, 0, 1, 1, 1], SUSPICIOUS, labels=("a", "b")), labels=("a", "b"))
    assert (tmp_path / "suggested-moves.csv").read_text().count("\n") == 1  # the names of its columns
    assert "This model is wrong too often to be asked" in found
    assert "All are in" not in found


def test_copies_are_shown_those_in_two_classes_first(page, six, tmp_path):
    same = CopyGroup(("train/daisy/7.png", "test/daisy/0.png"), ("daisy", "daisy"), ("left out", "test"), True)
    torn = CopyGroup(("test/daisy/1.png", "test/rose/2.png"), ("daisy", "rose"), ("test", "test"), False)
    found = page(six, groups=(same, torn))
    first, second = found.index("in daisy and rose: one is wrong"), found.index("<h3>the same bytes</h3>")
    assert first < second
    assert 'data-path="test/rose/2.png" data-from="rose" data-to="daisy"' in found[first:second]
    assert 'data-path="train/daisy/7.png" data-from="daisy" data-to="_removed"' in found[second:]
    assert Move("train/daisy/7.png", "daisy", "_removed", "the same bytes as test/daisy/0.png") in read_moves(
        tmp_path / "suggested-moves.csv"
    )
    assert "There twice" not in page(six)


def test_the_look_is_told(page, six):
    assert "photos: 3 classes, 27 training, 27 validation and 27 test images; drawn" in Reader(page(six)).texts


def test_photos_that_are_rows_of_an_array_cannot_move(page, six, tmp_path):
    object.__setattr__(six.split, "names", ())
    reader = Reader(page(six))
    assert not reader.values("data-path")
    assert (tmp_path / "suggested-moves.csv").read_text().count("\n") == 1  # the names of its columns


def test_a_page_of_many_classes_and_photos_stays_small(page, answers):
    rng = np.random.default_rng(0)
    labels = [f"class {number} with a longer name" for number in range(1000)]
    targets = rng.integers(0, 1000, 2000)
    probabilities = rng.dirichlet(np.full(1000, 0.01), 2000)
    photos = answers(targets, probabilities, labels=labels)
    noise = encode_png(rng.integers(0, 256, (100, 150, 3), np.uint8))  # which no format makes small
    object.__setattr__(photos.split, "read", lambda _: noise)
    found = page(photos, replace(photos, part="validation"), labels=labels)
    assert len(found.encode()) < 8_000_000
    assert '<th scope="col">taken for</th>' in found


def test_a_run_without_mistakes_has_a_report(page, answers):
    found = page(answers([0, 1, 2], np.eye(3)))
    assert "It made no mistake." in found
    assert "None was found among the photos" in found


def test_settings_and_origin_are_told(page, six):
    texts = Reader(page(six, parent="flowers:3")).texts
    assert {"augmentation.crop", "shift", "flowers:3", "python -m training --data photos"} <= set(texts)
    assert "python -m training relabel moves.csv --data 'my photos {1}'" in texts


def test_a_report_that_fails_loses_no_run(tmp_path):
    line = report_line(tmp_path / "my run", run_of("abc"), None, None)
    assert line.startswith("the report could not be written (AttributeError: ")
    assert line.endswith(f"`python -m training report --workdir '{tmp_path}/my run'` tries again")


def test_probabilities_are_told_before_and_after_the_temperature(page, six, answers):
    validation = answers([0, 1], [[0.9, 0.1, 0], [0.9, 0.1, 0]], part="validation")
    found = [text for text in Reader(page(six, validation)).texts if "; calibration error (ECE)" in text]
    assert [text.partition(" right; ")[0] for text in found] == [
        "50.0 % of 6 test photos (18.8 to 81.2)",
        "50.0 % of 2 validation photos (9.5 to 90.5)",
    ]
    assert all(
        re.search(r"\d % \(\d+\.\d to \d+\.\d\), \d+\.\d % before the temperature; loss", text) for text in found
    )


def test_the_report_of_a_run_is_written_again_by_a_command(toy_run, toy_npz, tmp_path, monkeypatch, capsys):
    from training.__main__ import main

    workdir = shutil.copytree(toy_run, tmp_path / "run")
    assert Reader((workdir / "report.html").read_text()).texts
    (workdir / "report.html").unlink()
    options = ["report", "--workdir", str(workdir)]
    assert main([*options, "--data", str(toy_npz)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"what went wrong, as pictures: {workdir}/report.html"
    assert (workdir / "report.html").exists()

    run = json.loads((workdir / "run.json").read_text())
    (workdir / "run.json").write_text(json.dumps({**run, "data": "gone.npz"}))
    assert main(options) == 2
    assert "the photos of the run are not at gone.npz: say by --data where they are" in capsys.readouterr().err
    (workdir / "run.json").write_text(json.dumps({**run, "data_sha256": "1" * 64, "data": str(toy_npz)}))
    assert main(options) == 2
    assert "is not what the run learned from" in capsys.readouterr().err
    (workdir / "float32.tflite").unlink()
    assert main(options) == 2
    assert "has no float32.tflite: the run is not finished" in capsys.readouterr().err
