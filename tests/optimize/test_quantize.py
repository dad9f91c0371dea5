import json
import shutil

import pytest

from models.repository import Repository
from optimize.gate import AccuracyDropTooLarge
from optimize.quantize import calibration_images, quantize
from training.data import load_dataset
from training.run import RunError, read_run


@pytest.fixture
def workdir(toy_run, tmp_path):
    return shutil.copytree(toy_run, tmp_path / "toy")


def test_int8_is_published_with_the_figures_of_both(workdir, tmp_path):
    repository = Repository(tmp_path / "repository")
    result = quantize(workdir, repository=repository, num_calibration_images=20, max_accuracy_drop=100, command="c")
    manifest = repository.load("toy").manifest
    assert manifest.engines["litert"].precision == "int8"
    assert manifest.metrics == {
        "float32": result.before.metrics.to_dict(),
        "int8": result.after.metrics.to_dict(),
    }
    provenance = manifest.provenance
    assert (provenance["command"], provenance["parent"]) == ("c", "toy:1")
    assert provenance["training_commands"] == ["python -m training --data toy.npz --preset smoke"]
    assert result.after.file.stat().st_size < 0.5 * result.before.file.stat().st_size
    assert set(json.loads((workdir / "metrics.json").read_text())) == {"float32", "int8"}


def test_past_the_budget_nothing_is_published(workdir, tmp_path):
    repository = Repository(tmp_path / "repository")
    with pytest.raises(AccuracyDropTooLarge):
        quantize(workdir, repository=repository, num_calibration_images=20, max_accuracy_drop=-100.5)
    assert repository.names() == []


def test_calibration_images_are_training_images(toy_run, toy_npz):
    run, data = read_run(toy_run), load_dataset(toy_npz, test_fraction=0.1, seed=0)
    train = {pixels.tobytes() for pixels in data.train.pixels(run.config.pixels)}
    images = calibration_images(run, data, 50)
    assert len({pixels.tobytes() for pixels in images} & train) == 50
    assert len(calibration_images(run, data, 1000)) == 96


def test_other_data_than_the_run_was_trained_on_is_refused(workdir, tmp_path):
    from toy_data import write_npz

    other = write_npz(tmp_path / "other.npz", num_test=12)
    with pytest.raises(RunError, match="other is not the data that"):
        quantize(workdir, repository=Repository(tmp_path / "repository"), data_path=other)


def test_unfinished_run_is_refused(workdir, tmp_path):
    (workdir / "model.keras").unlink()
    with pytest.raises(RunError, match="holds no finished model: run its training command again"):
        quantize(workdir, repository=Repository(tmp_path / "repository"))
