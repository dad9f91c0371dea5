"""A published int8 version is kept from saturating without its run."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from models.network.saturation import saturates
from models.portable.golden import GOLDEN_FILE
from models.store.repository import Repository
from optimize.gate import AccuracyDropTooLarge, Limits, Verdict
from optimize.quantization.post_training import quantize
from optimize.requantize import main, requantize
from optimize.settings import Quantization
from optimize.source import open_source
from training.run import RunError


@pytest.fixture(scope="module")
def made(toy_run, tmp_path_factory):
    """A folder with toy:1, which is an int8 file that was published before anybody kept it from saturating."""
    folder = tmp_path_factory.mktemp("made")
    workdir = shutil.copytree(toy_run, folder / "toy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("optimize.quantization.post_training.keep_from_saturating", lambda *_, **__: Verdict(False, ""))
        candidate = quantize(open_source(workdir, None), workdir, Quantization(num_calibration_images=20))
    candidate.publish(Repository(folder / "repository"), limits=Limits(100))
    return folder, Path(open_source(workdir, None).run.data)


def test_next_version_does_not_saturate_and_says_what_it_was_made_of(made, tmp_path, capsys):
    folder, data = made
    root = shutil.copytree(folder / "repository", tmp_path / "repository")
    arguments = ["--data", str(data), "--repository", str(root)]
    assert main(["toy:1", *arguments]) == 0
    before, after = (Repository(root).load("toy", version).manifest for version in (1, 2))
    assert "published toy:2" in capsys.readouterr().out
    assert (before.formats["litert"].saturates, after.formats["litert"].saturates) == (True, False)
    assert saturates((root / "toy/2/model.tflite").read_bytes()) is False
    assert after.provenance["run"] == before.provenance["run"]
    assert after.provenance["saturation"]["is_avoided"] is True
    points = after.provenance["line"]["top1_points"] / 100
    assert points == pytest.approx(after.metrics["int8"]["validation"]["top1"] - after.provenance["line"]["top1"])
    [record] = after.provenance["requantized"]
    assert record["of"] == "toy:1"
    assert record["command"].startswith("python -m optimize.requantize toy:1 --data ")
    assert after.metrics["int8"]["num_images"] == before.metrics["int8"]["num_images"]
    assert after.metrics["float32"] == before.metrics["float32"]
    assert GOLDEN_FILE in after.files
    assert main(["toy:2", *arguments]) == 2
    assert "no products of toy:2 saturate: there is nothing to do" in capsys.readouterr().err


def test_what_costs_too_much_is_not_published(made, monkeypatch):
    folder, data = made
    repository = Repository(folder / "repository")
    monkeypatch.setattr(
        "optimize.quantization.saturation.keep_from_saturating", lambda *_, **__: Verdict(False, "all is lost")
    )
    with pytest.raises(AccuracyDropTooLarge, match="all is lost: not published"):
        requantize(repository.load("toy"), data, repository=repository)
    assert repository.versions("toy") == [1]


def test_other_data_is_refused(made, tmp_path):
    folder, data = made
    repository = Repository(folder / "repository")
    other = tmp_path / "other.npz"
    arrays = dict(np.load(data))
    np.savez(other, **arrays | {"x_train": 255 - arrays["x_train"]})
    with pytest.raises(RunError, match="is not the data that toy:1 was trained on"):
        requantize(repository.load("toy"), other, repository=repository)
