import time
from types import SimpleNamespace

import numpy as np
import pytest

from training.config import preset
from training.dataset import Split
from training.run import write_json
from training.transfer.in_time import epochs_left, fine_tuned_in_time
from training.transfer.time_budget import Plan, Speed

PLAN = Plan(100, 5, 50.0, 500.0, 3, Speed(0.01, 0.1))
RUN = SimpleNamespace(config=preset("photos"))
SPLIT = Split(np.zeros(100, np.int64), lambda _: b"")
DATA = SimpleNamespace(train=SPLIT, validation=SPLIT, test=SPLIT)


@pytest.fixture
def times():
    """It has begun a minute ago, and there is no time left."""
    now_s = time.monotonic()
    return {"deadline_s": now_s + 60 * RUN.config.minutes - 60, "end_s": now_s}


def test_without_time_nothing_is_decoded(tmp_path, times):
    said = []
    where = {"workdir": tmp_path, "say": said.append}
    assert fine_tuned_in_time(None, DATA, RUN, PLAN, score=None, **where, **times) is None
    assert said == ["this machine is slower than when the time was reckoned: none is left for all layers"]
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_goes_on_keeps_its_epochs(tmp_path, times):
    assert epochs_left(PLAN, RUN, DATA, workdir=tmp_path, **times) == 0
    (tmp_path / "checkpoints").mkdir()
    assert epochs_left(PLAN, RUN, DATA, workdir=tmp_path, **times) == 5
    write_json(tmp_path / "epochs.json", {"epochs": 3})
    assert epochs_left(PLAN, RUN, DATA, workdir=tmp_path, **times) == 3
