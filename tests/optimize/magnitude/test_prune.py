import gzip
from dataclasses import asdict

import numpy as np
import pytest

from models.store.repository import Repository
from optimize.cost.tflite_file import read_tflite
from optimize.gate import Limits
from optimize.magnitude.prune import prune_magnitude
from optimize.magnitude.pruning import MagnitudePruner
from optimize.quantization.post_training import quantize
from optimize.settings import MagnitudePruning, Quantization
from optimize.source import open_source
from training.run import load_model, read_run

PRUNING = MagnitudePruning(sparsity=0.6, epochs=1, layer_sparsity=("conv4_.*=0.7",))


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return Repository(tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    return tmp_path_factory.mktemp("runs") / "sparse"


@pytest.fixture(scope="module")
def source(open_toy):
    return open_toy()


@pytest.fixture(scope="module")
def result(source, repository, output):
    candidate = prune_magnitude(source, output, PRUNING, command="c")
    return candidate.publish(repository, force="toy")


def sparsity_of(model) -> float:
    kernels = [layer.kernel.numpy() for layer in model.layers if hasattr(layer, "kernel")]
    return sum(np.sum(kernel == 0) for kernel in kernels) / sum(kernel.size for kernel in kernels)


@pytest.mark.slow
def test_images_are_full_whatever_the_training_began_with(result, output):
    assert read_run(output).config.small_fraction == 0


@pytest.mark.slow
def test_the_manifest_says_how_it_was_pruned_and_what_came_of_it(result):
    manifest = result.artifact.manifest
    recorded = {"method": "magnitude", "at_once": False, **asdict(PRUNING), "layer_sparsity": ["conv4_.*=0.7"]}
    del recorded["one_shot"]  # which records on disk call at_once
    assert manifest.provenance["compression"] == recorded
    assert manifest.provenance["parent"] == "toy:1"
    assert manifest.provenance["training_commands"] == ["python -m training --data toy.npz --preset smoke", "c"]
    assert manifest.metrics["float32"] == result.after.to_dict()
    assert manifest.metrics["dense_float32"] == result.before.metrics.to_dict()


@pytest.mark.slow
def test_the_exported_file_has_the_zeros_of_the_model_and_shrinks_by_them(result, output):
    provenance, file = result.artifact.manifest.provenance, result.after.file
    found = sparsity_of(load_model(output))
    assert found == pytest.approx(0.6, abs=1e-5)
    assert provenance["measured_sparsity"] == pytest.approx(found, abs=1e-6)
    assert provenance["gzip_bytes"] == len(gzip.compress(file.read_bytes(), 9, mtime=0))
    assert provenance["gzip_bytes"] < 0.7 * read_tflite(result.before.file).gzip_bytes


@pytest.mark.slow
@pytest.mark.parametrize(
    "quantization",
    [Quantization(num_calibration_images=16), Quantization("float16"), Quantization("dynamic")],
    ids=lambda quantization: quantization.precision,
)
def test_zeros_survive_quantization(result, repository, output, quantization):
    quantized = quantize(open_source(output, None), output, quantization).publish(repository, limits=Limits(100))
    provenance = quantized.artifact.manifest.provenance
    assert provenance["parent"] == f"toy:{result.artifact.manifest.version}"
    # Rounding makes a few more: weights that are small beside the largest one of their channel.
    assert 0.6 - 1e-5 <= provenance["measured_sparsity"] < 0.65
    assert provenance["gzip_bytes"] < 0.6 * quantized.after.file.stat().st_size


class Killed(BaseException):
    pass


class DyingPruner(MagnitudePruner):
    """Its process dies before the third step, after the masks were made in the first."""

    def before_step(self, step):
        if step == 2:
            raise Killed
        super().before_step(step)


@pytest.mark.slow
@pytest.mark.usefixtures("eager", "quick_export")
def test_masks_outlive_a_kill_between_two_updates(source, tmp_path, monkeypatch):
    # Every step is saved; masks change in the first step and in no other.
    source = source.with_settings(["checkpoint_every_s=0", "batch_size=16"])
    pruning = MagnitudePruning(pattern="2:4", epochs=1)
    whole = prune_magnitude(source, tmp_path / "whole", pruning)
    with monkeypatch.context() as patch:
        patch.setattr("optimize.magnitude.prune.MagnitudePruner", DyingPruner)
        with pytest.raises(Killed):
            prune_magnitude(source, tmp_path / "killed", pruning)
    taken_up = prune_magnitude(source, tmp_path / "killed", pruning)
    zeros = [
        [weight == 0 for weight in load_model(candidate.workdir).get_weights() if weight.ndim > 1]
        for candidate in (whole, taken_up)
    ]
    assert np.mean(zeros[0][1]) == 0.5
    for expected, found in zip(*zeros, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
@pytest.mark.usefixtures("quick_export")
def test_zeros_are_as_many_where_the_training_was_in_mixed_precision(source, tmp_path):
    in_bfloat16 = source.with_settings(["precision=mixed_bfloat16"])
    candidate = prune_magnitude(in_bfloat16, tmp_path / "run", MagnitudePruning(sparsity=0.6, epochs=1))
    assert sparsity_of(load_model(candidate.workdir)) == pytest.approx(0.6, abs=1e-5)
    assert read_run(candidate.workdir).config.precision == "mixed_bfloat16"


@pytest.mark.slow
@pytest.mark.usefixtures("eager", "quick_export")
def test_one_shot_zeros_stay_where_they_are_and_are_not_made_again(source, tmp_path, monkeypatch):
    monkeypatch.setattr("optimize.magnitude.one_shot.LEVELS", (0.0, 0.9))  # each level is a pass over all layers
    monkeypatch.setattr("optimize.magnitude.prune.NUM_MOMENTS_BATCHES", 2)
    monkeypatch.setattr("optimize.magnitude.prune.NUM_STATISTICS_BATCHES", 2)
    pruning = MagnitudePruning(sparsity=0.6, epochs=1, one_shot=True)
    prune_magnitude(source, tmp_path, pruning, command="c")
    assert read_run(tmp_path).config.small_fraction == 0
    start, end = (
        [layer.kernel.numpy() for layer in load_model(folder).layers if hasattr(layer, "kernel")]
        for folder in (tmp_path / "start", tmp_path)
    )
    for before, after in zip(start, end, strict=True):
        np.testing.assert_array_equal(before == 0, after == 0)
    assert not np.array_equal(start[1], end[1])
    monkeypatch.setattr("optimize.magnitude.prune.make_zeros", lambda *_: pytest.fail("made again"))
    assert sparsity_of(load_model(prune_magnitude(source, tmp_path, pruning, command="c").workdir)) == pytest.approx(
        0.6, abs=1e-5
    )
