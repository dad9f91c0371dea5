import json
import shutil

import pytest
from toy_data import write_folders

from models.report import accuracy, precision
from models.store.repository import Repository
from optimize.gate import AccuracyDropTooLarge, Limits
from optimize.quantization.post_training import quantize
from optimize.settings import Quantization
from optimize.source import open_source

FEW = Quantization(num_calibration_images=20)


@pytest.fixture
def workdir(toy_run, tmp_path):
    return shutil.copytree(toy_run, tmp_path / "toy")


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "repository")


def quantized(workdir, quantization=FEW, **options):
    return quantize(open_source(workdir, None), workdir, quantization, **options)


def test_int8_is_published_with_the_figures_of_both(workdir, repository):
    result = quantized(workdir, command="c").publish(repository, limits=Limits(100))
    manifest = repository.load("toy").manifest
    assert manifest.formats["litert"].precision == "int8"
    assert manifest.metrics == {
        "float32": result.before.metrics.to_dict(),
        "int8": result.after.to_dict(),
    }
    provenance = manifest.provenance
    assert (provenance["command"], provenance["parent"]) == ("c", "toy:1")
    assert (provenance["calibration"], provenance["num_calibration_images"]) == ("random", 20)
    assert provenance["training_commands"] == ["python -m training --data toy.npz --preset smoke"]
    assert provenance["saturation"].keys() == {"is_avoided", "reason"}
    assert manifest.formats["litert"].saturates is not provenance["saturation"]["is_avoided"]
    assert result.after.file.stat().st_size < 0.5 * result.before.file.stat().st_size
    assert set(json.loads((workdir / "metrics.json").read_text())) == {"float32", "int8"}


@pytest.mark.parametrize(("name", "max_size"), [("float16", 0.65), ("dynamic", 0.5)])
def test_other_precisions_are_published_by_their_names(workdir, repository, name, max_size):
    result = quantized(workdir, Quantization(name)).publish(repository, limits=Limits(100))
    manifest = repository.load("toy").manifest
    assert precision(manifest) == name
    assert accuracy(manifest) == result.after.metrics.to_dict()["top1"]
    assert "calibration" not in manifest.provenance
    assert result.after.file.stat().st_size < max_size * result.before.file.stat().st_size
    assert set(json.loads((workdir / "metrics.json").read_text())) == {"float32", name}


def test_own_pictures_are_calibrated_on(workdir, tmp_path):
    own = Quantization(calibration_images=write_folders(tmp_path / "own", num_images=6))
    provenance = quantized(workdir, own).provenance
    assert (provenance["calibration"], provenance["num_calibration_images"]) == ("own images", 6)


def test_past_the_budget_nothing_is_published(workdir, repository):
    candidate = quantized(workdir)
    with pytest.raises(AccuracyDropTooLarge):
        candidate.publish(repository, limits=Limits(max_accuracy_drop=-100.5))
    assert repository.names() == []
