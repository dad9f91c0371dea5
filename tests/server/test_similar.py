"""Training pictures are found in a repository, where the manifest says that they may be shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from engines import EXPLAINABLE, MODEL

from models.errors import ArtifactError
from models.examples.index import FOLDER, Example, write_index
from models.store.examples import Examples
from server.request_errors import NoExamples, NotExplainable
from server.similar import SimilarExamples, require_examples

SHOWN = Examples(2, "CC0", may_be_shown=True)


def test_nearest_are_those_of_the_version(tmp_path):
    for version, label in ((3, "red"), (4, "blue")):
        folder = tmp_path / "colours" / str(version) / FOLDER
        folder.mkdir(parents=True)
        write_index(folder, [Example(label, f"{version}.png", b"W")], np.ones((1, 3), np.float32))
    examples = SimilarExamples(tmp_path)
    for version, label in ((3, "red"), (4, "blue"), (3, "red")):
        [found] = examples.nearest(replace(EXPLAINABLE, version=version), np.ones(3, np.float32), 5)
        assert (found.example.label, found.similarity) == (label, pytest.approx(1))


def test_missing_files_are_an_error(tmp_path):
    with pytest.raises(ArtifactError):
        SimilarExamples(tmp_path).nearest(EXPLAINABLE, np.ones(3, np.float32), 5)


def test_examples_that_may_be_shown_are_enough():
    require_examples(replace(EXPLAINABLE, examples=SHOWN))


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (replace(MODEL, examples=SHOWN), NotExplainable, "cannot be explained: its network does not end"),
        (EXPLAINABLE, NoExamples, "was published without training pictures to compare with; `python -m models index"),
        (
            replace(EXPLAINABLE, examples=Examples(2, "all rights reserved", may_be_shown=False)),
            NoExamples,
            "^the training pictures of model 'colours' version 3 may not be shown: all rights reserved$",
        ),
    ],
)
def test_others_are_refused_with_the_reason(model, error, message):
    with pytest.raises(error, match=message):
        require_examples(model)
