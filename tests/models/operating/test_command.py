"""`python -m models operating-point`."""

from __future__ import annotations

import json

import pytest
from card_artifacts import counted_manifest
from small_artifacts import small_manifest, small_sources

from models.cli import main
from models.store.repository import Repository


@pytest.fixture
def repository(tmp_path):
    """flowers:1 with a curve, flowers:2 without."""
    repository = Repository(tmp_path / "models")
    repository.publish(counted_manifest(), small_sources(tmp_path))
    repository.publish(small_manifest(), small_sources(tmp_path))
    return repository


@pytest.fixture
def models(repository, capsys):
    def run(*arguments):
        try:
            status = main(["operating-point", *arguments, "--repository", str(repository.root)])
        except SystemExit as exit:
            status = exit.code
        return status, *capsys.readouterr()

    return run


def test_without_a_wish_it_tells_that_none_is_set(models):
    assert models("flowers:1")[:2] == (
        0,
        "flowers:1 has no operating point: its answers are not called accepted or not\n",
    )


def test_precision_is_reached_at_the_lowest_threshold(models, repository):
    # Answers "rose" are right in 60 cases at 0.7, and wrong in 3 at 0.6 and 2 at 0.5; "tulip" wrong in 40 at 0.6.
    status, output, _ = models("flowers:1", "--precision", "0.95")
    assert status == 0
    assert repository.operating_point("flowers", 1, num_classes=3).thresholds == (0.0, 0.55, 0.65)
    assert output.splitlines() == [
        "operating point of flowers:1: precision 0.95",
        "CLASS  THRESHOLD  PRECISION  RECALL   ACCEPTED",
        "daisy  0          100.00 %   98.00 %  98",
        "rose   0.55       95.24 %    60.00 %  63",
        "tulip  0.65       100.00 %   97.00 %  97",
        "of 300 validation images 86.00 % are accepted, and of these 98.84 % are right (96.6 to 99.6); recall 85.00 %",
    ]


def test_recall_is_kept_at_the_highest_threshold(models, repository):
    models("flowers:1", "--recall", "0.6")
    assert repository.operating_point("flowers", 1, num_classes=3).thresholds == (0.9, 0.7, 0.9)
    models("flowers:1", "--recall", "0.7")
    assert repository.operating_point("flowers", 1, num_classes=3).thresholds == (0.9, 0.0, 0.9)


def test_class_that_never_reaches_the_precision_is_never_accepted_and_told(models, repository, tmp_path):
    manifest = counted_manifest(name="birds", labels=("a", "b", "c"))
    curve = manifest.operating_curve.to_dict()
    curve["num_right"][1] = [0] * 30
    changed = counted_manifest(name="birds", operating_curve=type(manifest.operating_curve).from_dict(curve))
    repository.publish(changed, small_sources(tmp_path))
    _, output, _ = models("birds:1", "--precision", "0.95")
    assert repository.operating_point("birds", 1, num_classes=3).thresholds[1] is None
    assert "never accepted, as no threshold reaches it on validation images: rose" in output


def test_threshold_of_one_class_leaves_those_of_the_others(models, repository):
    models("flowers:1", "--precision", "0.95")
    models("flowers:1", "--threshold", "tulip=0.5", "--why", "they are harmless")
    point = repository.operating_point("flowers", 1, num_classes=3)
    assert (point.thresholds, point.asked) == ((0.0, 0.55, 0.5), "precision 0.95, tulip 0.5")
    models("flowers:1", "--threshold", "tulip=0.6")
    assert repository.operating_point("flowers", 1, num_classes=3).asked == "precision 0.95, tulip 0.6"
    assert repository.history("flowers")[-2].why == "precision 0.95, tulip 0.5: they are harmless"


def test_classes_with_few_accepted_images_are_named(models):
    _, output, _ = models("flowers:1", "--threshold", "rose=0.75")
    assert output.endswith("fewer than 30 images say what these give, so that it is rough: rose\n")


def test_threshold_needs_no_curve(models, repository):
    status, output, _ = models("flowers:2", "--threshold", "Gänseblümchen=0.25")
    assert status == 0
    assert repository.operating_point("flowers", 2, num_classes=3).thresholds == (0.0, 0.0, 0.25)
    assert "Gänseblümchen  0.25" in output


def test_it_can_be_cleared_also_where_the_file_is_broken(models, repository):
    models("flowers:1", "--recall", "0.6")
    (repository.root / "flowers" / "operating_points.json").write_text("{")
    status, _, error = models("flowers:1")
    assert status == 1
    assert "begins anew" in error
    assert models("flowers:1", "--clear")[0] == 0
    assert repository.operating_point("flowers", 1, num_classes=3) is None


def test_json_has_the_figures_of_each_class(models):
    document = json.loads(models("flowers:1", "--precision", "0.95", "--json")[1])
    assert document["operating_point"]["classes"][1]["threshold"] == 0.55
    assert document["operating_point"]["of_all"]["num_accepted"] == 258
    assert json.loads(models("flowers:1", "--clear", "--json")[1])["operating_point"] is None


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["flowers:1", "--precision", "1.5"], "--precision"),
        (["flowers:1", "--precision", "0"], "--precision"),
        (["flowers:1", "--precision", "0.9", "--recall", "0.9"], "not allowed with argument"),
        (["flowers:1", "--threshold", "rose"], "CLASS=PROBABILITY"),
        (["flowers:1", "--threshold", "rose=2"], "CLASS=PROBABILITY"),
        (["flowers:1", "--threshold", "oak=0.5"], "has no class 'oak'; it has daisy, rose, tulip"),
        (["flowers:1", "--clear", "--recall", "0.5"], "--clear"),
        (["flowers:2", "--precision", "0.9"], "published without the curve that a precision is chosen by"),
        (["flowers", "--precision", "0.9"], "a version must be named"),
        (["flowers:9"], "has no version 9"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(models, arguments, fault):
    status, _, error = models(*arguments)
    assert status == 2
    assert fault in error
    assert len(error.splitlines()) == 1
