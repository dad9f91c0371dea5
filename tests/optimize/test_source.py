"""A compression starts from a finished run; some settings of it may change, and all else is refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from toy_data import write_npz

from models.network.efficientnet_lite import EfficientNetLite
from optimize.channels.prune import prune_channels
from optimize.magnitude.prune import prune_magnitude
from optimize.quantization.aware import train_quantized
from optimize.settings import ChannelPruning, MagnitudePruning, QuantizationAwareTraining
from optimize.source import open_source
from training.dataset import HeldOut
from training.run import RunError, published, published_in, read_run


@pytest.fixture(scope="module")
def source(toy_run):
    return open_source(toy_run, None)


@pytest.fixture
def workdir(toy_run, tmp_path):
    return shutil.copytree(toy_run, tmp_path / "toy")


def test_finished_run_comes_with_its_model_its_figures_and_its_name(source, toy_run):
    assert (source.name, source.published) == ("toy", "toy:1")
    assert source.architecture.to_dict()["width"] == 16
    assert source.model.output_shape == (None, 3)
    figures = json.loads((toy_run / "metrics.json").read_text())["float32"]
    temperature = source.dense.calibration.temperature  # which the file has kept
    repository = str(toy_run.parent / "repository")
    assert figures == {
        "published": "toy:1",
        "repository": repository,
        **source.dense.to_dict(),
        "temperature": temperature,
    }


def test_what_is_made_of_a_run_is_published_where_the_run_was_unless_told_again(source, toy_run, tmp_path):
    assert source.published_in == toy_run.parent / "repository"
    assert source.repository(None).root == toy_run.parent / "repository"
    assert source.repository(tmp_path).root == tmp_path
    assert replace(source, published_in=None).repository(None).root == Path("repository")


def test_repository_that_is_gone_is_told_and_another_can_be_given(source, tmp_path):
    moved = replace(source, published_in=tmp_path / "gone")
    with pytest.raises(RunError, match=r"toy:1 is in .*gone, which is gone: say with --repository where to publish"):
        moved.repository(None)
    assert moved.repository(tmp_path).root == tmp_path


def test_run_that_has_not_published_itself_publishes_where_the_first_of_its_line_did(source, toy_run, tmp_path):
    source.begin_run(tmp_path / "half", source.run.config, compression={"method": "channels"}, command="c")
    assert published_in(tmp_path / "half") == toy_run.parent / "repository"


def test_data_that_has_moved_is_the_same_data(toy_run, toy_npz, tmp_path):
    moved = shutil.copy(toy_npz, tmp_path / "moved.npz")
    assert len(open_source(toy_run, moved).data.test) == 30


def test_other_data_than_the_run_was_trained_on_is_refused(toy_run, tmp_path):
    other = write_npz(tmp_path / "other.npz", num_test=12)
    with pytest.raises(RunError, match="other is not the data that"):
        open_source(toy_run, other)


def test_unfinished_run_is_refused(workdir):
    (workdir / "model.keras").unlink()
    with pytest.raises(RunError, match="holds no finished model: run its training command again"):
        open_source(workdir, None)


def test_run_that_was_trained_as_an_int8_file_names_the_one_to_start_from(source, tmp_path):
    source.begin_run(
        tmp_path / "aware", source.run.config, compression={"method": QuantizationAwareTraining.METHOD}, command="c"
    )
    with pytest.raises(RunError, match="was trained as an int8 file and has no other: start from the run of toy:1"):
        open_source(tmp_path / "aware", None)


@pytest.mark.parametrize(
    ("make", "settings", "option"),
    [
        (train_quantized, QuantizationAwareTraining(), "quantize-aware"),
        (prune_channels, ChannelPruning(), "prune channels"),
        (prune_magnitude, MagnitudePruning(one_shot=True), "--one-shot"),
    ],
)
def test_network_without_batch_normalization_is_refused_before_a_run_begins(source, tmp_path, make, settings, option):
    grouped = replace(source, architecture=replace(source.architecture, norm="group"))
    with pytest.raises(ValueError, match=f"{option} needs a network with norm=batch; this one has norm=group"):
        make(grouped, tmp_path / "smaller", settings)
    assert not (tmp_path / "smaller").exists()


@pytest.mark.parametrize(
    ("make", "settings", "option"),
    [
        (train_quantized, QuantizationAwareTraining(), "quantize-aware"),
        (prune_channels, ChannelPruning(), "prune channels"),
    ],
)
def test_efficientnet_lite_is_told_what_to_do_instead(source, tmp_path, make, settings, option):
    lite = replace(source, architecture=EfficientNetLite.of("lite0"))
    with pytest.raises(ValueError, match=rf"{option} needs a ResNet-v2, .* \(lite0\): quantize it as it is, or"):
        make(lite, tmp_path / "smaller", settings)
    assert not (tmp_path / "smaller").exists()


@pytest.mark.parametrize(
    ("make", "settings", "changed"),
    [
        (train_quantized, QuantizationAwareTraining(epochs=2), QuantizationAwareTraining(epochs=3)),
        (prune_channels, ChannelPruning(epochs=2), ChannelPruning(epochs=3)),
        (prune_magnitude, MagnitudePruning(epochs=2), MagnitudePruning(epochs=3)),
    ],
)
def test_method_begins_a_run_that_the_same_command_resumes_and_another_does_not(
    source, tmp_path, monkeypatch, make, settings, changed
):
    def end(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"{make.__module__}.pixel_sets", end)  # the run has begun, its training has not
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            make(source, tmp_path / "smaller", settings, command="c")
    assert read_run(tmp_path / "smaller").compression["epochs"] == 2
    with pytest.raises(RunError, match=r"epochs 2 there, 3 now"):
        make(source, tmp_path / "smaller", changed, command="c")


def test_run_that_published_nothing_goes_by_the_name_of_its_parent(source, tmp_path):
    source.begin_run(tmp_path / "smaller", source.run.config, compression={"method": "m"}, command="c")
    assert published(tmp_path / "smaller", "float32") == "toy:1"


def test_run_that_published_nothing_and_has_no_parent_is_refused(workdir):
    (workdir / "metrics.json").unlink()
    with pytest.raises(RunError, match="has not published yet"):
        open_source(workdir, None)


def test_folder_that_holds_another_run_is_refused(source, tmp_path):
    begun = source.begin_run(tmp_path / "smaller", source.run.config, compression={"sparsity": 0.5}, command="c")
    assert begun.commands == (source.run.command, "c")
    with pytest.raises(RunError, match=r"settings \(compression\.sparsity 0\.5 there, 0\.6 now\): use another folder"):
        source.begin_run(tmp_path / "smaller", source.run.config, compression={"sparsity": 0.6}, command="c")


def test_settings_are_changed_for_what_trains_on_and_not_for_the_run(source):
    changed = source.with_settings(["momentum=0.5", "augmentation.cutout_px=8"])
    assert (changed.run.config.momentum, changed.run.config.augmentation.cutout_px) == (0.5, 8)
    assert (source.run.config.momentum, source.run.config.augmentation.cutout_px) != (0.5, 8)
    assert changed.model is source.model


def test_last_weights_of_a_fine_tuning_on_full_images_count(source):
    averaged = source.with_settings(["average_decay=0.99"])
    config = averaged.without_averaging(MagnitudePruning(epochs=4, peak_lr=0.02))
    assert (config.average_decay, config.small_fraction, config.warmup_fraction) == (0.0, 0.0, 0.0)
    assert (config.epochs, config.peak_lr) == (4, 0.02)


def test_images_held_out_are_those_of_the_training(workdir, monkeypatch):
    record = json.loads((workdir / "run.json").read_text())
    record["config"] |= {"seed": 5, "test_fraction": 0.3, "validation_fraction": 0.2}
    (workdir / "run.json").write_text(json.dumps(record))

    def load(_path, held_out, _reading, **_):
        assert held_out == HeldOut(test_fraction=0.3, validation_fraction=0.2, seed=5)
        raise InterruptedError

    monkeypatch.setattr("training.run_data.load_dataset", load)
    with pytest.raises(InterruptedError):
        open_source(workdir, None)


@pytest.mark.parametrize("assignment", ["width=4", "image_px=16", "seed=3"])
def test_settings_that_the_network_is_made_by_stay(source, assignment):
    with pytest.raises(ValueError, match="cannot be changed: the trained network is made for it"):
        source.with_settings([assignment])


@pytest.mark.parametrize("assignment", ["epochs=3", "warmup_fraction=0.5", "small_fraction=0.5", "peak_lr=0.1"])
def test_settings_that_fine_tuning_has_its_own_of_are_refused(source, assignment):
    with pytest.raises(ValueError, match="cannot be set: a fine-tuning has its own; see --help"):
        source.with_settings([assignment])
