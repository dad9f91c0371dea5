"""Between its making and its publication a file passes the gate."""

from dataclasses import replace

import numpy as np
import pytest
from tflite_files import colour_classifier

from models.measuring.metrics import Metrics
from models.measuring.promotion import Verdict
from models.network.resnet_v2 import ResNetV2
from models.portable.description import describe
from models.store.repository import Repository
from optimize.candidate import Candidate
from optimize.cost.rounds import Rounds
from optimize.gate import AccuracyDropTooLarge, Limits, NothingGained
from optimize.source import Source
from training.config import preset
from training.data import load_dataset
from training.dataset import HeldOut
from training.measured import Answers, MeasuredFile
from training.run import Run, published

BEFORE = Metrics(num_images=30, top1=0.9, top5=1.0, loss=0.3, ece=0.01)
AFTER = replace(BEFORE, top1=0.88)


def answering(targets, *, wrong=0) -> np.ndarray:
    """Answers of which the first few are wrong, and all are sure."""
    labels = np.where(np.arange(len(targets)) < wrong, (targets + 1) % 3, targets)
    return np.eye(3, dtype=np.float32)[labels] * 0.97 + 0.01


@pytest.fixture
def candidate(toy_npz, tmp_path, replace_function):
    """Make a candidate whose int8 file is smaller than the float32 one, and answers the same."""
    data = load_dataset(toy_npz, HeldOut())
    run = Run.new(
        command="c",
        config=preset("smoke"),
        data=str(toy_npz),
        data_name=data.name,
        data_sha256=data.sha256,
        labels=data.labels,
    )
    replace_function("optimize.line.predict_file", lambda _, __, split: answering(split.targets))
    answers = Answers(answering(data.validation.targets))
    architecture = ResNetV2.of("20", width=8, num_classes=3)
    files = [
        colour_classifier(tmp_path / f"{precision}.tflite", ends_in_softmax=precision == "float32")
        for precision in ("float32", "int8")
    ]
    for file in files:
        file.write_bytes(describe(file.read_bytes(), data.labels, run.config.pixels))
    dense = MeasuredFile(files[0], "float32", validation=BEFORE, metrics=BEFORE, answers=answers)
    source = Source(run, data, None, architecture, dense, published="toy:1")
    smaller = MeasuredFile(files[1], "int8", validation=AFTER, metrics=AFTER, answers=answers)
    narrower = replace(architecture, stream_widths=(8, 8, 8))
    assert smaller.file.stat().st_size < dense.file.stat().st_size
    return Candidate(source, run, tmp_path, smaller, narrower, provenance={"parent": "toy:1", "gzip_bytes": 5})


@pytest.fixture
def wrong(candidate):
    """Make a candidate that is wrong about half of the validation images."""
    targets = candidate.source.data.validation.targets
    answers = Answers(answering(targets, wrong=len(targets) // 2))
    return replace(candidate, measured=replace(candidate.measured, answers=answers))


@pytest.fixture
def without_gain(candidate, monkeypatch):
    """Make a candidate of the same file as before, which takes as long."""
    monkeypatch.setattr("optimize.gate.latency_ratio", lambda *_: Rounds((1.0, 1.0)))
    return replace(candidate, measured=replace(candidate.source.dense, precision="int8"))


@pytest.fixture(autouse=True)
def serves_what_is_published(monkeypatch):
    """Have a new version take the place of any other: these candidates have figures and no answers."""
    drops = []

    def compare_with_serving(*_, max_accuracy_drop, judged_runs):
        drops.append(max_accuracy_drop)
        return Verdict(True, "it is new")

    monkeypatch.setattr("training.publish.compare_with_serving", compare_with_serving)
    return drops


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "repository")


def test_it_is_published_under_the_name_of_its_source_with_the_figures_of_both(candidate, repository):
    result = candidate.publish(repository)
    manifest = repository.load("toy").manifest
    assert result.artifact.manifest == manifest
    assert manifest.metrics == {"float32": BEFORE.to_dict(), "int8": AFTER.to_dict()}
    assert manifest.architecture["stream_widths"] == [8, 8, 8]
    assert (manifest.provenance["run"], manifest.provenance["gzip_bytes"]) == (candidate.run.run_id, 5)
    assert published(candidate.workdir, "int8") == "toy:1"
    assert str(result).startswith(
        "published toy version 1 (int8): top-1 90.0 % -> 86.7 % of 30 test images (70.3 to 94.7), "
    )


def test_figures_before_have_a_name_of_their_own_where_the_precision_is_the_same(candidate, repository):
    float32 = replace(candidate, measured=replace(candidate.measured, precision="float32"))
    manifest = float32.publish(repository).artifact.manifest
    assert manifest.metrics == {"dense_float32": BEFORE.to_dict(), "float32": AFTER.to_dict()}


def test_what_may_be_lost_may_be_lost_by_what_is_served(candidate, repository, serves_what_is_published):
    candidate.publish(repository, limits=Limits(2))
    candidate.publish(repository, name="forced", force="forced")
    assert serves_what_is_published == [2, 100]


def test_another_name_can_be_given(candidate, repository):
    candidate.publish(repository, name="toy-fast")
    assert repository.names() == ["toy-fast"]


def test_the_same_file_is_published_once(candidate, repository):
    for _ in range(2):
        assert candidate.publish(repository).artifact.manifest.version == 1


def test_of_a_file_that_was_published_before_it_says_which_version_is_served(candidate, without_gain, repository):
    candidate.publish(repository)
    without_gain.publish(repository, force="toy")
    line = candidate.publish(repository).notes[-1]
    command = f"python -m models promote toy:1 --repository {repository.root}"
    assert line == f"it was published before, and version 2 is stable: to have it served, `{command}`"
    assert repository.stable_version("toy") == 2


def test_past_the_limit_nothing_is_published_and_it_is_said_how_it_would_be(wrong, repository):
    with pytest.raises(AccuracyDropTooLarge) as refusal:
        wrong.publish(repository)
    assert str(refusal.value).startswith("top-1 -50.00 points (")
    assert str(refusal.value).endswith(": not published; the same command with --force toy publishes it all the same")
    assert repository.names() == []


def test_manifest_has_the_first_model_of_the_line_and_how_far_this_one_is_from_it(candidate, repository):
    line = candidate.publish(repository).artifact.manifest.provenance["line"]
    interval = [pytest.approx(-end) for end in reversed(line["top1_points_interval"])]
    assert line == {
        "published": "toy:1",
        "run": candidate.run.run_id,
        "top1": 0.9,
        "top1_points": 0.0,
        "top1_points_interval": interval,
        "num_images": len(candidate.source.data.validation),
    }


def test_that_validation_images_are_too_few_is_said_beside_the_result(candidate, repository):
    line = str(candidate.publish(repository)).splitlines()[1]
    assert "too few to tell" in line
    assert "100.00 % keep their label" in line


def test_without_gain_nothing_is_published(without_gain, repository):
    with pytest.raises(NothingGained):
        without_gain.publish(repository)
    assert repository.names() == []


def test_force_publishes_whatever_is_lost_or_not_gained(wrong, without_gain, repository):
    assert wrong.publish(repository, force="toy").artifact.manifest.version == 1
    assert without_gain.publish(repository, force="toy").artifact.manifest.version == 2
    assert wrong.publish(repository, name="other", force="other").artifact.manifest.name == "other"


def test_force_that_names_another_model_is_refused(candidate, repository):
    for options in ({"force": "yes"}, {"name": "other", "force": "toy"}):
        with pytest.raises(ValueError, match="force must name the model that is published"):
            candidate.publish(repository, **options)
    assert repository.names() == []
