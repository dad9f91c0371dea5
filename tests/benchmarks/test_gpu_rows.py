"""Rows are measured by a toy in the place of the worker: what its specs say happens to it."""

import pytest

from benchmarks.gpu_plan import GPUPlan
from benchmarks.gpu_rows import TIME_OVER, measure_rows

TOY = """
import json, os, sys, time
has_failed = False
for spec in json.loads(sys.argv[1])["specs"]:
    if spec["does"] == "crash":
        os.abort()
    if spec["does"] == "hang":
        time.sleep(600)
    print("something else", flush=True)
    has_failed = has_failed or spec["does"] == "raise"
    if has_failed:
        print('@row {"record": {"error": "ResourceExhaustedError: out of memory"}}', flush=True)
        continue
    print("@row " + json.dumps({"record": {"rate": spec["rate"]}}), flush=True)
"""


def measured(*doings, **changes):
    specs = [{"kind": "toy", "does": does, "rate": rate} for rate, does in enumerate(doings)]
    plan = GPUPlan(**changes)
    found = list(measure_rows(plan, specs, "nowhere", worker=("-c", TOY)))
    assert [spec for spec, _ in found] == specs
    return [record for _, record in found]


def test_every_row_comes_in_order():
    assert measured("measure", "measure") == [{"rate": 0}, {"rate": 1}]


def test_a_row_that_takes_the_process_down_costs_itself_alone():
    first, crashed, last = measured("measure", "crash", "measure")
    assert (first, last) == ({"rate": 0}, {"rate": 2})
    assert crashed == {"error": "the process ended with status -6"}


def test_a_row_that_fails_leaves_the_card_to_a_new_process():
    failed, last = measured("raise", "measure")
    assert failed == {"error": "ResourceExhaustedError: out of memory"}
    assert last == {"rate": 1}


def test_a_row_that_hangs_is_ended():
    hung, last = measured("hang", "measure", row_limit_s=1.0)
    assert hung == {"error": "it took more than 1 s"}
    assert last == {"rate": 1}


@pytest.mark.parametrize("minutes", [0, -1])
def test_what_the_time_does_not_suffice_for_is_told(minutes):
    assert measured("measure", "measure", minutes=minutes) == [{"error": TIME_OVER}] * 2
