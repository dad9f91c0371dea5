import numpy as np
import pytest
import tensorflow as tf
from tiny_training import TINY, train, two_layers

from training import feed, resident
from training.batches import Batches
from training.config import Augmentation
from training.distributed.workers import ALONE
from training.history import read_history
from training.resident import ResidentPixels

IMAGES = np.random.default_rng(0).integers(0, 256, (16, 7, 7, 3), np.uint8)  # 147 bytes, no whole number of words
VARIED = {
    "nothing": Augmentation(crop="none", flip=False),
    "shift, mirror, cut out": Augmentation(crop="shift", shift_px=1, cutout_px=2),
    "RandAugment, erase": Augmentation(crop="none", rand_magnitude=5, erasing=0.5),
    "a place of another image": Augmentation(crop="none", cutout_px=2, cutout_fill="image"),
    "mixup": Augmentation(crop="none", mixup=0.4),
    "CutMix": Augmentation(crop="shift", shift_px=1, cutmix=1.0),
}
# TensorFlow has these for CPUs alone, or for byte-sized numbers there alone; they take a few numbers each.
ON_HOST = {"StatelessShuffle"}


@pytest.fixture
def on_cpu(monkeypatch):
    monkeypatch.setattr(resident, "HOLDING", "CPU")


def batches(what: str) -> Batches:
    return Batches(
        IMAGES, np.arange(16) % 3, augmentation=VARIED[what], image_px=7, batch_size=6, seed=4, num_classes=3
    )


@pytest.mark.parametrize("what", VARIED)
def test_batches_are_those_that_the_host_makes(on_cpu, what):
    made = batches(what)
    held = ResidentPixels(made, ALONE)
    take = tf.function(held.batch)
    for picks, (pixels, targets) in zip(made.picks(range(4)), made.made(range(4)), strict=True):
        found, found_targets = take(picks, held.words)
        np.testing.assert_array_equal(found, pixels)
        np.testing.assert_array_equal(found_targets, targets)


@pytest.mark.parametrize("what", VARIED)
def test_all_that_is_done_to_images_can_be_done_on_a_gpu(on_cpu, what):
    made = batches(what)
    held = ResidentPixels(made, ALONE)
    picks = next(iter(made.picks(range(1))))
    graph = tf.function(held.batch).get_concrete_function(picks, held.words).graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    assert len(nodes) > 10
    assert {node.op for node in nodes if not has_gpu_kernel(node)} <= ON_HOST


def has_gpu_kernel(node) -> bool:
    from tensorflow.python.framework import kernels  # there is no public list of them

    if node.op in {"Placeholder", "Const", "NoOp"}:
        return True
    found = kernels.get_registered_kernels_for_op(node.op).kernel
    assert found, node.op
    return any(
        kernel.device_type in {"GPU", "DEFAULT"}
        and all(node.attr[each.name].type in each.allowed_values.list.type for each in kernel.constraint)
        for kernel in found
    )


def test_bytes_have_no_kernel_for_gpus_which_this_looks_for():
    function = tf.function(lambda images: tf.gather(images, [0]))
    graph = function.get_concrete_function(tf.constant(IMAGES)).graph.as_graph_def()
    assert [node.op for node in graph.node if not has_gpu_kernel(node)] == ["GatherV2"]


def test_images_stay_on_the_host_without_a_gpu_where_crops_are_resized_and_where_they_are_too_large(monkeypatch):
    assert resident.resident(batches("mixup"), ALONE) is None
    monkeypatch.setattr(resident, "HOLDING", "CPU")
    assert resident.resident(batches("mixup"), ALONE) is not None
    cut = Batches(IMAGES, np.arange(16), augmentation=Augmentation(crop="resized"), image_px=7, batch_size=6, seed=0)
    assert resident.resident(cut, ALONE) is None
    monkeypatch.setattr(resident, "MAX_BYTES", IMAGES.size - 1)
    assert resident.resident(batches("mixup"), ALONE) is None


@pytest.mark.slow
def test_training_from_a_devices_memory_is_that_from_the_hosts_bit_for_bit(tmp_path, monkeypatch):
    results = []
    for holding, at_once in (("GPU", 1), ("CPU", 3)):
        monkeypatch.setattr(resident, "HOLDING", holding)
        monkeypatch.setattr(feed, "STEPS_ON_CPU", at_once)
        folder = tmp_path / holding
        folder.mkdir()
        train(folder, TINY, ALONE, two_layers)
        with np.load(folder / "weights.npz") as weights:
            results.append([weights[name] for name in weights.files])
    one, many = ([record.train_loss for record in read_history(tmp_path / name)] for name in ("GPU", "CPU"))
    assert one == many
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_array_equal(ours, theirs)
