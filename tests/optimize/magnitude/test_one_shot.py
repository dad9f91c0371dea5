"""A whole network gets its zeros before it is trained on."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import tf_keras as keras

from models.network.normalization import normalize
from models.network.resnet_v2 import ResNetV2, build
from optimize.magnitude.allocation import allocate_zeros
from optimize.magnitude.one_shot import make_zeros
from optimize.magnitude.pruning import MagnitudePruner
from optimize.settings import MagnitudePruning
from optimize.training_sample import reestimate_batch_norms

pytestmark = pytest.mark.usefixtures("eager_module")

PIXELS = np.random.default_rng(0).integers(0, 256, (32, 32, 32, 3), np.uint8)


@pytest.fixture
def few_levels(monkeypatch):
    """Try fewer sparsities of each layer, where it does not matter how well zeros are allocated."""
    monkeypatch.setattr("optimize.magnitude.one_shot.LEVELS", (0.0, 0.5, 0.8, 0.99))


@cache
def weights() -> list[np.ndarray]:
    """Those of a network whose normalizations know its pictures."""
    keras.utils.set_random_seed(0)
    model = build(ResNetV2.of("8", width=8))
    reestimate_batch_norms(model, [PIXELS] * 20)
    return model.get_weights()


def network() -> keras.Model:
    model = build(ResNetV2.of("8", width=8))
    model.set_weights(weights())
    return model


def pruned(**options) -> keras.Model:
    model = network()
    make_zeros(model, MagnitudePruning(one_shot=True, **options), [PIXELS])
    return model


def kernels(model: keras.Model) -> dict[str, np.ndarray]:
    return {layer.name: layer.kernel.numpy() for layer in model.layers if hasattr(layer, "kernel")}


def test_all_kernels_together_have_exactly_the_wanted_sparsity(few_levels, monkeypatch) -> None:
    losses = {}

    def allocate(num_weights, lost, levels, num_zeros):
        losses.update(lost)
        return allocate_zeros(num_weights, lost, levels, num_zeros)

    monkeypatch.setattr("optimize.magnitude.one_shot.allocate_zeros", allocate)
    found = kernels(pruned(sparsity=0.8))
    assert sum(np.sum(kernel == 0) for kernel in found.values()) == round(0.8 * sum(map(np.size, found.values())))
    assert np.all(found["conv1_conv"] != 0)
    for lost in losses.values():  # at 0, 0.5, 0.8 and 0.99
        assert lost[0] == 0 < lost[1] < lost[2] < lost[3]


def test_layers_share_what_rules_leave(few_levels) -> None:
    found = kernels(pruned(sparsity=0.6, layer_sparsity=("conv3_.*=0.5", "predictions=0")))
    sparsities = {name: np.mean(kernel == 0) for name, kernel in found.items()}
    assert sparsities["predictions"] == 0
    assert sparsities["conv3_block1_1_conv"] == sparsities["conv3_block1_2_conv"] == 0.5
    others = {sparsities[name] for name in found if name.startswith(("conv2", "conv4"))}
    assert len(others) > 1
    zeros = sum(np.sum(kernel == 0) for kernel in found.values())
    assert zeros == round(0.6 * sum(map(np.size, found.values())))


def test_two_of_four_runs_along_the_input_channels() -> None:
    for name, kernel in kernels(pruned(pattern="2:4")).items():
        if name != "conv1_conv":
            of_four = kernel.reshape(-1, kernel.shape[-2] // 4, 4, kernel.shape[-1])
            np.testing.assert_array_equal(np.sum(of_four == 0, axis=2), 2)


def test_outputs_stay_nearer_than_without_the_smallest_weights() -> None:
    images, whole, smallest, options = normalize(PIXELS), network(), network(), MagnitudePruning(sparsity=0.7)
    pruner = MagnitudePruner(smallest, options, num_steps=1)
    pruner.before_step(0)
    outputs = [model.predict(images, verbose=0) for model in (whole, smallest, pruned(sparsity=0.7))]
    by_magnitude, found = (np.mean((each - outputs[0]) ** 2) for each in outputs[1:])
    assert found < 0.3 * by_magnitude


def test_sparsity_that_no_layer_could_have_is_refused(few_levels) -> None:
    with pytest.raises(ValueError, match="at most 99% of a layer's weights"):
        pruned(sparsity=0.977)
