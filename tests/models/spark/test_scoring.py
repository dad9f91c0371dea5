"""What Python workers of Spark's executors do, without Spark."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from colours import COLOURS, picture, publish_stub

from models.errors import ImageTooLarge
from models.pixels.spec import ImageLimits
from models.predict import worker
from models.predict.pictures import Pictures
from models.predict.pool import Pool
from models.predict.rows import Rows
from models.predict.worker import InHand, Job
from models.spark import scoring as module
from models.spark.handed_over import MAX_PICTURES, HandedOver
from models.spark.scoring import Scorer, Scoring

pyarrow = pytest.importorskip("pyarrow")
PICTURES = {name: picture(colour) for name, colour in COLOURS.items()}


class ColourModel:
    def run(self, images):
        means = images.mean(axis=(1, 2), dtype=np.float64)
        return (means / means.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def is_shared():
    return False


@pytest.fixture
def scorer(tmp_path, monkeypatch, is_shared):
    monkeypatch.setattr(worker, "load_runtime", lambda *_arguments, **_options: ColourModel())
    artifact, handed_over = publish_stub(tmp_path / "published"), HandedOver()
    rows = Rows(artifact.manifest, 1, None, "jsonl")
    numbers = [str(number) for number in range(MAX_PICTURES)]
    read_some = handed_over.read_file if is_shared else handed_over.read_some
    limits = ImageLimits(max_bytes=1000)
    job = Job(artifact, "litert", Pictures(numbers, "", 0, read_some), rows, limits)
    pool = Pool(job, num_workers=1)
    yield Scorer(pool, handed_over, rows)
    pool.close()
    handed_over.close()


@pytest.fixture
def scoring(scorer, monkeypatch, is_shared):
    monkeypatch.setattr(module, "scorer_of", lambda _scoring: scorer)
    return Scoring("model.zip", "", "litert", 1, None, ImageLimits(max_bytes=1000), is_shared)


def told(batches):
    return [(row["file"], row["label"], row["error"]) for batch in batches for row in batch.to_pylist()]


def batch_of(files, contents):
    return pyarrow.record_batch([pyarrow.array(files), pyarrow.array(contents, pyarrow.binary())], ["file", "handed"])


def test_batches_of_any_size_become_rows_in_their_order(scoring):
    names = list(COLOURS) * (MAX_PICTURES // 2)
    files = [f"{number}/{name}.png" for number, name in enumerate(names)]
    batches = [batch_of(files, [PICTURES[name] for name in names]), batch_of(["x"], [b"no picture"])]
    expected = [(file, name, None) for file, name in zip(files, names, strict=True)]
    assert told(scoring.answered(batches)) == [*expected, ("x", None, "unsupported_image")]


@pytest.fixture
def second_picture_crashes(monkeypatch):
    """Have the second picture of a batch end the process that decodes it."""
    genuine = InHand.note_decoded

    def note(in_hand, number):
        genuine(in_hand, number)
        if number == 1:
            os.kill(os.getpid(), signal.SIGSYS)

    monkeypatch.setattr(InHand, "note_decoded", note)


def test_a_picture_that_ends_its_process_is_a_row_and_the_others_are_answered(second_picture_crashes, scoring):
    batches = [batch_of(list(COLOURS), list(PICTURES.values()))] * 2
    rows = [("red", "red", None), ("green", None, "corrupt_image"), ("blue", "blue", None)]
    assert told(scoring.answered(batches)) == rows * 2


@pytest.mark.parametrize("is_shared", [True])
def test_pictures_of_a_folder_that_executors_see_are_read_there(scoring, tmp_path):
    (tmp_path / "_red.png").write_bytes(PICTURES["red"])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "big.png").write_bytes(bytes(1001))
    strange = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
    strange.write_bytes(PICTURES["blue"])
    names = ["_red.png", "empty.png", "big.png", "gone.png", strange.name]
    paths = [os.fsencode(tmp_path / name) for name in names]
    assert told(scoring.answered([batch_of(["1", "2", "3", "4", "5"], paths)])) == [
        ("1", "red", None),
        ("2", None, "empty_image"),
        ("3", None, "image_too_large"),
        ("4", None, "unreadable_file"),
        ("5", "blue", None),
    ]


def test_what_spark_has_not_read_is_a_row_that_says_so(scoring):
    rows = [{"file": "far.png", "length": 1000}, {"file": "big.tif", "length": 1001}]
    [batch] = scoring.refused([pyarrow.RecordBatch.from_pylist(rows)])
    assert [(row["file"], row["error"], row["message"]) for row in batch.to_pylist()] == [
        ("far.png", "unreadable_file", "the file cannot be read: Spark could not, and its executors' logs say why"),
        ("big.tif", "image_too_large", "the image has more than the 1,000 bytes that are accepted"),
    ]


def test_rows_have_the_columns_of_the_other_command(scorer):
    row = scorer.refused("a.png", ImageTooLarge("it is large"))
    batch = scorer.batch([row])
    assert batch.schema.names == ["file", "label", "probability", "error", "message", "model", "version"]
    assert batch.to_pylist()[0]["message"] == "it is large"
