import json
import logging
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tflite_files import colour_classifier, one_at_a_time
from toy_data import LABELS, write_npz

from models.errors import ModelNotFound
from models.pixels.spec import PixelSpec
from models.store.manifest import Manifest, ModelFile
from models.store.repository import Repository
from optimize.report.report import report


def publish(repository: Repository, file, *, labels=LABELS, provenance=None):
    manifest = Manifest(
        name="colours",
        version=1,
        architecture={},
        labels=labels,
        pixels=PixelSpec(32, 32),
        formats={"litert": ModelFile("model.tflite", "float32")},
        provenance=provenance or {},
    )
    return repository.publish(manifest, {"model.tflite": file})


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """Version 1 is always right; version 2 takes blue for green and green for blue."""
    folder = tmp_path_factory.mktemp("models")
    repository = Repository(folder / "repository")
    publish(repository, colour_classifier(folder / "right.tflite"))
    publish(repository, colour_classifier(folder / "wrong.tflite", order=(1, 0, 2)))
    return repository


@pytest.fixture(scope="module")
def made(repository, toy_npz, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    external = colour_classifier(folder / "external.tflite", dtype="INT8", ends_in_softmax=False)
    result = report(
        ["colours:1", "colours"],
        [("theirs <b>", external)],
        repository=repository,
        data_path=toy_npz,
        output=folder / "new" / "out",
        num_rounds=2,
        command="python -m optimize report colours:1 colours",
    )
    return result, folder / "new" / "out"


def test_rows_are_in_the_order_asked_for_and_the_first_is_the_baseline(made):
    result, _ = made
    assert [row.name for row in result.rows] == ["colours:1", "colours:2", "theirs <b>"]
    assert result.baseline == "colours:1"
    assert [row.is_external for row in result.rows] == [False, False, True]


def test_accuracy_is_of_all_test_images(made):
    result, _ = made
    assert [row.accuracy.metrics.top1 for row in result.rows] == [1, pytest.approx(1 / 3), 1]
    assert result.num_images == 30
    _, wrong, theirs = result.rows
    assert wrong.changes.points_by_class == (-100, -100, 0)
    assert wrong.changes.agreement == pytest.approx(1 / 3)
    assert theirs.changes.agreement == 1


def test_costs_are_relative_to_the_baseline(made):
    result, _ = made
    base, other, _ = result.rows
    assert base.relative.num_bytes == base.relative.one_core_ms == 1
    assert other.relative.macs == other.relative.num_parameters == 1


def test_three_files_and_the_plot_are_written(made):
    result, folder = made
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json", "report.md", "report.svg"]
    assert json.loads((folder / "report.json").read_text()) == json.loads(json.dumps(result.to_dict()))
    assert "colours:2" in (folder / "report.md").read_text()
    page, picture = (folder / "report.html").read_text(), (folder / "report.svg").read_text()
    assert "<title>toy: 3 models compared</title>" in page
    assert page.count('<th scope="row">theirs &lt;b&gt;<small>') == 1
    assert page.rstrip().endswith("</html>")
    ElementTree.fromstring(picture)  # noqa: S314  # our own
    assert "theirs &lt;b&gt;" in picture


def test_baseline_can_be_named_as_it_was_asked_for(repository, toy_npz):
    result = report(
        ["colours:1", "colours"], repository=repository, data_path=toy_npz, baseline="colours", num_rounds=1
    )
    assert result.baseline == "colours:2"
    assert result.rows[0].changes.top1_points == pytest.approx(200 / 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"models": []}, "nothing to compare: name a model or a file"),
        ({"models": ["colours:x"]}, "a version must be a whole number >= 1, got 'x' in 'colours:x'"),
        ({"models": ["colours", "colours:2"]}, "'colours:2' is given twice"),
        ({"models": ["colours"], "baseline": "other"}, "the baseline must be one of colours, colours:2, got 'other'"),
        ({"models": ["colours"], "num_rounds": 0}, "num_rounds must be >= 1, got 0"),
    ],
)
def test_arguments_that_do_not_fit_together_are_refused(repository, toy_npz, arguments, message):
    with pytest.raises(ValueError, match=message):
        report(repository=repository, data_path=toy_npz, **arguments)


@pytest.mark.parametrize("output", [Path(__file__), Path("/proc/self")], ids=["file", "read-only folder"])
def test_output_that_cannot_be_written_is_told_before_anything_is_measured(repository, toy_npz, output, caplog):
    caplog.set_level(logging.INFO)
    with pytest.raises(OSError, match=str(output)):
        report(["colours"], repository=repository, data_path=toy_npz, output=output, num_rounds=1)
    assert "timing" not in caplog.text


def test_file_that_is_not_there_is_named(repository, toy_npz, tmp_path):
    with pytest.raises(ValueError, match="theirs: there is no file"):
        report([], [("theirs", tmp_path / "no.tflite")], repository=repository, data_path=toy_npz)


def test_model_that_is_not_there_is_named(repository, toy_npz):
    with pytest.raises(ModelNotFound, match="there is no model 'flowers'"):
        report(["flowers"], repository=repository, data_path=toy_npz)


def test_data_with_other_labels_is_refused(tmp_path, toy_npz):
    repository = Repository(tmp_path / "repository")
    publish(repository, colour_classifier(tmp_path / "m.tflite"), labels=("a", "b", "c"))
    with pytest.raises(
        ValueError, match="the labels of colours:1 are not those of toy: a, b, c against blue, green, red"
    ):
        report(["colours"], repository=repository, data_path=toy_npz)


def test_data_that_a_model_was_not_trained_on_is_noted(tmp_path, toy_npz):
    repository = Repository(tmp_path / "repository")
    provenance = {"dataset": {"sha256": "f" * 64}}
    publish(repository, colour_classifier(tmp_path / "m.tflite"), provenance=provenance)
    result = report(["colours"], repository=repository, data_path=toy_npz, num_rounds=1)
    assert "colours:1 was trained on other data than toy: its test images may have been seen." in result.notes


def test_zeros_are_said_to_make_no_model_faster(made):
    result, _ = made
    [of_row] = {f"{100 * row.file.sparsity:.0f} % zeros." for row in result.rows[:2]}
    assert (
        f"colours:1 has {of_row} Zeros shrink the compressed file; dense kernels run no faster for them."
        in result.notes
    )


def test_files_for_one_image_at_a_time_can_be_compared(repository, tmp_path):
    data = write_npz(tmp_path / "few.npz", num_train=3, num_test=4)
    file = one_at_a_time(tmp_path / "single.tflite")
    result = report([], [("single", file)], repository=repository, data_path=data, num_rounds=1)
    assert result.rows[0].accuracy.metrics.top1 == 0.5  # blue is the first of three that are always equal
    assert result.rows[0].latency.batch_size == 1
