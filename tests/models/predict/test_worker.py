import json

import numpy as np
import pytest

from models.errors import RunFailed
from models.predict import worker as worker_module
from models.predict.rows import Rows
from models.predict.worker import InHand, Worker


class Model:
    def __init__(self, result):
        self._result = result

    def run(self, _images):
        if isinstance(self._result, Exception):
            raise self._result
        return np.array([self._result], np.float32)


def rows_of(job, result, *, numbers=(0,)):
    rows = Rows(job().artifact.manifest, 1, None, "jsonl")
    worker, found, num_errors = Worker(Model(result), InHand(), job(rows=rows)), [], 0
    while len(found) < len(numbers):
        answered = worker.answer(numbers[len(found) :])
        found += [json.loads(line) for line in answered.text.splitlines()]
        num_errors += answered.num_errors
    return found, num_errors


def test_a_picture_has_its_label(job):
    (row,), num_errors = rows_of(job, [0.25, 0.5, 0.25])
    assert (row["file"], row["label"], row["probability"], row["error"]) == ("00.png", "green", 0.5, None)
    assert num_errors == 0


@pytest.mark.parametrize("result", [[np.nan, 0, 0], RunFailed("no memory")])
def test_what_the_model_fails_on_is_a_row_with_the_code_of_the_api(job, result):
    (row,), num_errors = rows_of(job, result)
    assert (row["label"], row["error"], row["message"]) == (None, "engine_failed", "the model failed on this image")
    assert num_errors == 1


def test_bad_files_are_rows_beside_good_ones(job, photos):
    (photos / "00.png").write_bytes(b"")
    (photos / "02.png").write_bytes((photos / "02.png").read_bytes()[:50])
    make, numbers = job(), (0, 1, 2, 3)
    (photos / "03.png").unlink()
    rows, num_errors = rows_of(lambda **changes: job(pictures=make.pictures, **changes), [1, 0, 0], numbers=numbers)
    assert [row["error"] for row in rows] == ["empty_image", None, "corrupt_image", "unreadable_file"]
    assert num_errors == 3


def test_a_reply_has_one_picture_at_least_and_no_more_than_fit_its_time(job, monkeypatch):
    monkeypatch.setattr(worker_module, "REPLY_S", 0.0)
    worker = Worker(Model([1, 0, 0]), InHand(), job())
    assert worker.answer(range(3, 30)).num_rows == 1
    monkeypatch.setattr(worker_module, "REPLY_S", 3600.0)
    assert worker.answer(range(3, 30)).num_rows == 27


def test_what_is_in_hand_is_known_until_it_is_done():
    in_hand = InHand()
    assert in_hand.number is None
    in_hand.note_decoded(0)
    assert (in_hand.number, in_hand.is_decoded) == (0, True)
    in_hand.note_run(0)
    assert (in_hand.number, in_hand.is_decoded) == (0, False)
    in_hand.clear()
    assert in_hand.number is None
