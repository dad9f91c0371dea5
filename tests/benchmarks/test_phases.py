import pytest

from benchmarks.open_loop import NO_ANSWER, Outcome
from benchmarks.phases import Phase, phases_of

BEGAN_S = {"steady": 0.0, "rolled": 2.0, "one killed": 8.0}


def outcome(due_s, status=200, latency_ms=10.0, how="closed", num_before=0):
    return Outcome(due_s, latency_ms, status, False, how, num_before)


def test_requests_are_divided_by_what_went_on_when_they_were_due():
    phases = phases_of([outcome(each) for each in (0, 1, 2, 5, 8, 9)], BEGAN_S, {})
    assert [phase.name for phase in phases] == list(BEGAN_S)
    assert [[each.due_s for each in phase.outcomes] for phase in phases] == [[0, 1], [2, 5], [8, 9]]


def test_request_that_was_in_hand_when_a_part_began_belongs_to_that():
    phases = phases_of([outcome(7.9, NO_ANSWER, 200)], BEGAN_S, {})
    assert [len(phase.outcomes) for phase in phases] == [0, 0, 1]


@pytest.mark.parametrize(("lost_s", "is_met"), [(7.9, True), (9.9, True), (10.0, False)])
def test_requests_may_be_lost_for_as_long_as_is_said_and_no_longer(lost_s, is_met):
    outcomes = [*map(outcome, range(12)), outcome(lost_s, NO_ANSWER, 300)]
    killed = phases_of(outcomes, BEGAN_S, {"one killed": 10.0})[-1]
    assert (len(killed.lost), killed.is_met) == (1, is_met)


@pytest.mark.parametrize(("lost_until_s", "is_met"), [({"one killed": 10.0}, True), ({}, False)])
def test_connection_that_was_kept_may_cost_a_request_later(lost_until_s, is_met):
    outcomes = [*map(outcome, range(30)), outcome(20, NO_ANSWER, num_before=3)]
    assert phases_of(outcomes, BEGAN_S, lost_until_s)[-1].is_met is is_met


def test_nothing_may_be_lost_where_nothing_is_said():
    phases = phases_of([outcome(0), outcome(1, 503), outcome(3), outcome(9)], BEGAN_S, {"one killed": 10.0})
    assert [phase.is_met for phase in phases] == [False, True, True]


@pytest.mark.parametrize("outcomes", [(), (outcome(0, NO_ANSWER),)])
def test_part_in_which_nothing_was_answered_proves_nothing(outcomes):
    assert not Phase("one killed", outcomes, lost_until_s=2.0).is_met


def test_row_says_what_failed_how_and_how_long_the_others_took():
    lost = (outcome(1, 503), outcome(2, NO_ANSWER), outcome(2, NO_ANSWER, num_before=3))
    row = Phase("rolled", (outcome(0), *lost, outcome(3, latency_ms=40))).row()
    assert row == ("| rolled | 5 | 3 (1 x 503, 1 x closed, 1 x closed over a kept connection) | 10, 40, 40 | FAILED |")
