import pytest

from models.repository import Repository
from optimize.gate import AccuracyDropTooLarge
from optimize.magnitude import sparsity_of
from optimize.prune import prune
from optimize.quantize import quantize
from training.run import RunError, load_model


@pytest.mark.slow
def test_pruned_run_is_published_goes_on_and_can_be_quantized(toy_run, tmp_path):
    repository = Repository(tmp_path / "repository")
    options = {"sparsity": 0.6, "repository": repository, "epochs": 1, "max_accuracy_drop": 100, "command": "c"}
    result = prune(toy_run, tmp_path / "sparse", **options)
    manifest = result.artifact.manifest
    assert sparsity_of(load_model(tmp_path / "sparse")) == pytest.approx(0.6, abs=0.01)
    assert manifest.provenance["measured_sparsity"] == pytest.approx(0.6, abs=0.01)
    assert manifest.provenance["compression"] == {"method": "magnitude", "sparsity": 0.6}
    assert manifest.provenance["parent"] == "toy:1"
    assert manifest.provenance["training_commands"] == ["python -m training --data toy.npz --preset smoke", "c"]
    assert manifest.metrics["float32"] == result.after.metrics.to_dict()
    assert manifest.metrics["dense_float32"] == result.before.metrics.to_dict()

    again = prune(toy_run, tmp_path / "sparse", **options)
    assert again.artifact.manifest.version == manifest.version
    with pytest.raises(RunError, match=r"compression .*0\.6.* there, .*0\.7.* now"):
        prune(toy_run, tmp_path / "sparse", **{**options, "sparsity": 0.7})

    quantized = quantize(tmp_path / "sparse", repository=repository, num_calibration_images=16, max_accuracy_drop=100)
    assert quantized.artifact.manifest.provenance["parent"] == f"toy:{manifest.version}"


def test_past_the_budget_nothing_is_published(toy_run, tmp_path):
    repository = Repository(tmp_path / "repository")
    with pytest.raises(AccuracyDropTooLarge):
        prune(toy_run, tmp_path / "out", sparsity=0.5, repository=repository, epochs=1, max_accuracy_drop=-100.5)
    assert repository.names() == []
