"""What a repository says of its models reaches the answers: which is the default, and what probabilities are worth."""

from __future__ import annotations

import contextlib

import pytest
from colours import COLOURS, picture, publish_stub
from running_server import STUB, RunningServer

from models.store.calibration import Calibration

pytestmark = pytest.mark.e2e

LABELS = tuple(f"class {index}, also known by another name" for index in range(3))


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Two models, of which the second is the default, and calibrated."""
    folder = tmp_path_factory.mktemp("repository")
    publish_stub(folder, "birds")
    calibration = Calibration(num_images=40, unsure_below=0.5, scores=tuple(index / 40 for index in range(40)))
    publish_stub(folder, "flowers", labels=LABELS, calibration=calibration)
    (folder / "models/repository.json").write_text('{"default": "flowers"}')
    running = RunningServer([str(STUB)], {"OPSIN_REPOSITORY": str(folder / "models")})
    with contextlib.ExitStack() as ends:
        ends.callback(running.end)
        yield running.wait_until_ready()
        assert running.stop()[0] == 0


def predictions(served, colour, query=""):
    status, document = served.request("POST", f"/predict{query}", picture(colour))
    assert status == 200, document
    return document["model"], document["predictions"][0]


def test_default_is_the_one_that_the_repository_names(served):
    assert served.request("GET", "/readyz")[1]["model"] == "flowers"
    assert predictions(served, COLOURS["red"])[0] == "flowers"
    assert predictions(served, COLOURS["red"], "?model=birds")[0] == "birds"


def test_answer_is_unsure_where_no_label_is_likely(served):
    assert predictions(served, COLOURS["red"])[1]["unsure"] is False
    assert predictions(served, (90, 90, 90))[1]["unsure"] is True
    assert "unsure" not in predictions(served, (90, 90, 90), "?model=birds")[1]


def test_set_of_labels_has_the_coverage_that_is_asked_for(served):
    _, answer = predictions(served, (120, 60, 0), "?coverage=0.5&top_k=1")
    assert [ranked["label"] for ranked in answer["label_set"]] == [LABELS[0]]
    _, answer = predictions(served, (120, 60, 0), "?coverage=0.9&top_k=1")
    assert [ranked["label"] for ranked in answer["label_set"]] == [LABELS[0], LABELS[1]]
    status, document = served.request("POST", "/predict?coverage=0.9&model=birds", picture(COLOURS["red"]))
    assert (status, document["error"]["code"]) == (400, "invalid_request")
