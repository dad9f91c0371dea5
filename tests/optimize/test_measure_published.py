"""A published version gets the figures of its card without its run, and no others."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.store.repository import Repository
from optimize.gate import Limits
from optimize.measure_published import main, measure_published
from optimize.quantization.post_training import quantize
from optimize.settings import Quantization
from optimize.source import open_source
from training.run import RunError


@pytest.fixture(scope="module")
def made(toy_run, tmp_path_factory):
    """A repository with toy:1 as it is published today, and toy:2, the same without what is counted by class."""
    folder = tmp_path_factory.mktemp("made")
    workdir = shutil.copytree(toy_run, folder / "toy")
    candidate = quantize(open_source(workdir, None), workdir, Quantization(num_calibration_images=20))
    repository = Repository(folder / "repository")
    first = candidate.publish(repository, limits=Limits(100)).artifact
    bare = replace(first.manifest, evaluation=None, operating_curve=None)
    repository.publish(bare, {path: first.path / path for path in bare.files})
    return repository, Path(open_source(workdir, None).run.data)


def test_next_version_has_the_counts_that_a_publication_has_and_the_same_files(made, tmp_path, capsys):
    repository, data = made
    root = shutil.copytree(repository.root, tmp_path / "repository")
    assert main(["toy:2", "--data", str(data), "--repository", str(root)]) == 0
    assert "published toy:3, whose card tells of each of " in capsys.readouterr().out
    published, before, after = (Repository(root).load("toy", version).manifest for version in (1, 2, 3))
    assert after.evaluation == published.evaluation is not None
    assert after.operating_curve == published.operating_curve is not None
    assert (after.files, after.metrics, after.calibration) == (before.files, before.metrics, before.calibration)
    [record] = after.provenance["measured"]
    assert record["of"] == "toy:2"
    assert record["command"].startswith("python -m optimize.measure_published toy:2 --data ")


def test_other_data_is_refused(made, tmp_path):
    repository, data = made
    other = tmp_path / "other.npz"
    arrays = dict(np.load(data))
    np.savez(other, **{**arrays, "x_test": arrays["x_test"][::-1]})
    with pytest.raises(RunError, match="is not the data that toy:2 was trained on"):
        measure_published(repository.load("toy", 2), other, repository=repository)


def test_version_that_answers_otherwise_than_it_was_published_with_is_refused(made):
    repository, data = made
    artifact = repository.load("toy", 2)
    metrics = {**artifact.manifest.metrics, "int8": {**artifact.manifest.metrics["int8"], "top1": 0.01}}
    changed = replace(artifact, manifest=replace(artifact.manifest, metrics=metrics))
    with pytest.raises(RunError, match=r"was published with 1\.00% of its test images right, and has"):
        measure_published(changed, data, repository=repository)


def test_version_whose_validation_images_are_nothing_to_choose_by_gets_no_curve(made, tmp_path):
    repository, data = made
    copy = Repository(shutil.copytree(repository.root, tmp_path / "repository"))
    artifact = copy.load("toy", 2)
    changed = replace(artifact, manifest=replace(artifact.manifest, expected_answers=None))
    published = measure_published(changed, data, repository=copy).manifest
    assert (published.operating_curve, published.evaluation is None) == (None, False)
