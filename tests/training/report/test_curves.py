import dataclasses
from xml.etree import ElementTree

from training.history import EpochRecord
from training.report.curves import curves

SVG = "{http://www.w3.org/2000/svg}"


def record(epoch: int) -> EpochRecord:
    return EpochRecord(
        epoch=epoch,
        num_steps_done=epoch,
        lr=0.1 / epoch,
        train_loss=2.0 / epoch,
        train_accuracy=0.5,
        validation_loss=1.5 / epoch,
        validation_accuracy=0.625,
        images_per_s=1.0,
    )


def test_each_figure_tells_its_last_values():
    loss, accuracy, lr = (ElementTree.fromstring(svg) for svg in curves([record(1), record(2)]))  # noqa: S314
    assert loss.get("aria-label") == "loss over the epochs; at the end training 1, validation 0.75"
    assert accuracy.get("aria-label") == "right labels, % over the epochs; at the end training 50, validation 62.5"
    assert lr.get("aria-label") == "learning rate over the epochs; at the end learning rate 0.05"
    texts = [text.text for text in loss.iter(f"{SVG}text")]
    assert {"loss", "epoch", "training", "validation", "1", "2"} <= set(texts)


def test_epochs_are_whole_numbers():
    texts = [text.text for text in ElementTree.fromstring(curves([record(1), record(2)])[0]).iter(f"{SVG}text")]  # noqa: S314
    assert "1.5" not in texts[: texts.index("epoch")]


def test_a_single_epoch_is_a_point_and_none_has_no_figure():
    assert "<use" in curves([record(1)])[2]
    assert curves([]) == []


def test_values_that_hardly_differ_are_told_without_an_offset():
    records = [dataclasses.replace(record(epoch), train_accuracy=0.2 + epoch * 1e-9) for epoch in (1, 2)]
    records = [dataclasses.replace(one, validation_accuracy=one.train_accuracy) for one in records]
    texts = [text.text for text in ElementTree.fromstring(curves(records)[1]).iter(f"{SVG}text")]  # noqa: S314
    assert not [text for text in texts if text and "e" in text and "+" in text]
