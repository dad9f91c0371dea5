"""What Python workers of Spark's executors do, without Spark."""

import os
import signal

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
def scorer(tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "load_runtime", lambda *_arguments, **_options: ColourModel())
    artifact, handed_over = publish_stub(tmp_path / "published"), HandedOver()
    rows = Rows(artifact.manifest, 1, None, "jsonl")
    numbers = [str(number) for number in range(MAX_PICTURES)]
    job = Job(artifact, "litert", Pictures(numbers, "", 0, handed_over.read_some), rows, ImageLimits())
    pool = Pool(job, num_workers=1)
    yield Scorer(pool, handed_over, rows)
    pool.close()
    handed_over.close()


@pytest.fixture
def scoring(scorer, monkeypatch):
    monkeypatch.setattr(module, "scorer_of", lambda _scoring: scorer)
    return Scoring("model.zip", "", "litert", 1, None, ImageLimits(max_bytes=1000))


def told(batches):
    return [(row["file"], row["label"], row["error"]) for batch in batches for row in batch.to_pylist()]


def batch_of(files, contents):
    return pyarrow.record_batch([pyarrow.array(files), pyarrow.array(contents, pyarrow.binary())], ["file", "content"])


def test_batches_of_any_size_become_rows_in_their_order(scoring):
    names = list(COLOURS) * (MAX_PICTURES // 2)
    files = [f"{number}/{name}.png" for number, name in enumerate(names)]
    batches = [batch_of(files, [PICTURES[name] for name in names]), batch_of(["x"], [b"no picture"])]
    expected = [(file, name, None) for file, name in zip(files, names, strict=True)]
    assert told(scoring.contents(batches)) == [*expected, ("x", None, "unsupported_image")]


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
    assert told(scoring.contents(batches)) == rows * 2


def test_what_spark_left_out_is_read_where_this_machine_has_it(scoring, tmp_path):
    (tmp_path / "_red.png").write_bytes(PICTURES["red"])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "big.png").write_bytes(bytes(1001))
    rows = [
        {"file": name, "length": None, "path": os.fsencode(tmp_path / name)}
        for name in ("_red.png", "empty.png", "big.png", "gone.png")
    ]
    rows += [{"file": "far.png", "length": 10, "path": None}, {"file": "big.tif", "length": 1001, "path": None}]
    assert told(scoring.left_over([pyarrow.RecordBatch.from_pylist(rows)])) == [
        ("_red.png", "red", None),
        ("empty.png", None, "empty_image"),
        ("big.png", None, "image_too_large"),
        ("gone.png", None, "unreadable_file"),
        ("far.png", None, "unreadable_file"),
        ("big.tif", None, "image_too_large"),
    ]


def test_rows_have_the_columns_of_the_other_command(scorer):
    row = scorer.refused("a.png", ImageTooLarge("it is large"))
    batch = scorer.batch([row])
    assert batch.schema.names == ["file", "label", "probability", "error", "message", "model", "version"]
    assert batch.to_pylist()[0]["message"] == "it is large"
