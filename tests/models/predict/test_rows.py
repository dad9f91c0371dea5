import csv
import json

import numpy as np
import pytest
from small_artifacts import small_manifest

from models.errors import CorruptImage
from models.predict.rows import Rows
from models.store.calibration import Calibration

PROBABILITIES = np.array([0.05, 0.93, 0.02], np.float32)
CALIBRATION = Calibration(num_images=10, unsure_below=0.9, scores=(0.1, 0.2, 0.96))


def test_a_row_of_csv_has_what_the_model_says():
    rows = Rows(small_manifest(), 1, None, "csv")
    assert rows.head() == "file,label,probability,error,message,model,version\n"
    answered = rows.answered('a, "b"\n.jpg', PROBABILITIES)
    refused = rows.refused("c.jpg", CorruptImage("it is, so to speak, broken"))
    assert rows.text([answered, refused]) == (
        '"a, ""b""\n.jpg",tulip,0.93,,,flowers,1\nc.jpg,,,corrupt_image,"it is, so to speak, broken",flowers,1\n'
    )


def test_a_row_of_json_has_the_same_columns():
    rows = Rows(small_manifest(calibration=CALIBRATION), 2, 0.7, "jsonl")
    assert rows.head() == ""
    expected = {
        **{"file": "ä.jpg", "label_1": "tulip", "probability_1": 0.93, "label_2": "daisy", "probability_2": 0.05},
        **{"unsure": True, "label_set": ["tulip", "daisy"], "error": None, "message": None},
        **{"model": "flowers", "version": 1},
    }
    line = rows.text([rows.answered("ä.jpg", PROBABILITIES)])
    assert json.loads(line) == expected
    assert list(json.loads(line)) == list(rows.columns)
    assert "ä.jpg" in line


@pytest.mark.parametrize(("top_k", "columns"), [(1, ["label", "probability"]), (9, ["label_3", "probability_3"])])
def test_there_are_no_more_columns_than_labels(top_k, columns):
    names = list(Rows(small_manifest(), top_k, None, "csv").columns)
    assert names[-6:-4] == columns


def test_csv_writes_what_is_no_text_as_json_does():
    rows = Rows(small_manifest(calibration=CALIBRATION), 1, 0.7, "csv")
    cells = next(csv.reader([rows.text([rows.answered("a", PROBABILITIES)])]))
    row = dict(zip(rows.columns, cells, strict=True))
    assert (row["unsure"], row["label_set"]) == ("true", '["tulip", "daisy"]')
