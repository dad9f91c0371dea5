import pytest

from benchmarks import rollout
from benchmarks.haproxy import BalancerFailed
from benchmarks.open_loop import NO_ANSWER, Outcome
from benchmarks.rollout import Phase, main, phases_of


def outcome(due_s, status=200, latency_ms=10.0):
    return Outcome(due_s, latency_ms, status, False)


def test_requests_are_divided_by_what_went_on_when_they_were_due():
    outcomes = [outcome(each) for each in (0, 1, 2, 5, 8, 9)]
    phases = phases_of(outcomes, "gateway", began_rolling_s=2, killed_s=8)
    assert [[each.due_s for each in phase.outcomes] for phase in phases] == [[0, 1], [2, 5], [8, 9]]
    assert [phase.name for phase in phases] == ["gateway: steady", "gateway: rolled", "gateway: one killed"]


def test_request_that_was_in_hand_at_the_kill_belongs_to_it():
    phases = phases_of([outcome(7.9, NO_ANSWER, 200)], "service", began_rolling_s=2, killed_s=8)
    assert [len(phase.outcomes) for phase in phases] == [0, 0, 1]


@pytest.mark.parametrize(("kind", "is_met"), [("service", True), ("gateway", False)])
def test_only_behind_a_service_a_kill_may_cost_answers(kind, is_met):
    lost = [outcome(each, 200 if each else NO_ANSWER) for each in range(9)] + [outcome(9, NO_ANSWER)]
    steady, rolled, killed = phases_of(lost, kind, began_rolling_s=3, killed_s=8)
    assert (steady.is_met, rolled.is_met, killed.is_met) == (False, True, is_met)
    assert [phase.num_failed for phase in (steady, rolled, killed)] == [1, 0, 1]


def test_part_without_a_request_proves_nothing():
    assert not Phase("rolled", ()).is_met


def test_row_says_what_failed_and_how_long_the_others_took():
    row = Phase("rolled", (outcome(0), outcome(1, 503), outcome(2, NO_ANSWER), outcome(3, latency_ms=40))).row()
    assert row == "| rolled | 4 | 2 (1 503, 1 cut off) | 10, 40, 40 | FAILED |"


def test_exit_status_says_whether_all_were_answered(monkeypatch, capsys):
    found = {"service": [Phase("a", (outcome(0),))], "gateway": [Phase("b", (outcome(0, 503),))]}
    monkeypatch.setattr(rollout, "run", lambda kind, **_: found[kind])
    assert main(["--only", "service"]) == 0
    assert main([]) == 1
    assert "| b | 1 | 1 (1 503)" in capsys.readouterr().out


def test_want_of_a_balancer_is_one_line_and_status_2(monkeypatch, capsys):
    def fail(*_, **__):
        raise BalancerFailed("haproxy is not installed")

    monkeypatch.setattr(rollout, "run", fail)
    assert main([]) == 2
    assert capsys.readouterr().err == "python -m benchmarks.rollout: haproxy is not installed\n"
