import numpy as np
import pytest

from models.network.resnet_v2 import ResNetV2, build
from models.store.repository import Repository
from training.architecture import copy_weights
from training.config import preset, replaced
from training.run import load_model, read_run
from training.train import train


def network(**changes):
    return build(ResNetV2.of("20", **{"width": 4, **changes}))


def test_all_layers_of_an_equal_network_are_copied():
    source, target = network(), network()
    assert copy_weights(source, target) == []
    for ours, theirs in zip(target.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_classifier_for_other_classes_keeps_its_own_weights():
    assert copy_weights(network(), network(num_classes=3)) == ["predictions"]


def test_networks_with_nothing_in_common_are_refused():
    with pytest.raises(ValueError, match="no layer of the same name and shape"):
        copy_weights(network(), network(width=8, num_classes=3))


@pytest.mark.slow
def test_run_that_starts_from_another_begins_with_its_weights_and_names_it(toy_run, toy_npz, tmp_path):
    # With a learning rate of zero the weights stay what they were at the start.
    config = replaced(preset("smoke"), {"epochs": 1, "peak_lr": 0.0, "average_decay": 0.0})
    repository = Repository(tmp_path / "repository")
    artifact = train(
        config, toy_npz, tmp_path / "run", repository=repository, name="toy", start_from=toy_run, command="c"
    )
    provenance = artifact.manifest.provenance
    assert provenance["parent"] == "toy:1"
    assert provenance["training_commands"] == [read_run(toy_run).command, "c"]
    kernel = load_model(toy_run).get_layer("conv1_conv").get_weights()[0]
    np.testing.assert_array_equal(load_model(tmp_path / "run").get_layer("conv1_conv").get_weights()[0], kernel)
