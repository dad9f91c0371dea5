import pytest

from benchmarks.versus import compare, main
from benchmarks.wrk import Load


def load(rate, cpu_ms):
    return Load(rate, p50_ms=1, p99_ms=1, max_ms=1, statuses={"200": 1}, cpu_ms_per_answer=cpu_ms)


def test_ratios_are_taken_within_a_round():
    rounds = [{"ours": load(100, 2), "theirs": load(50, 4)}, {"ours": load(10, 20), "theirs": load(5, 10)}]
    rate, cpu, _ = compare(rounds, "abc", 16)
    assert (rate.value, rate.runs) == (2, (2, 2))
    assert (cpu.value, cpu.runs) == (1.25, (0.5, 2))
    assert "at 16 connections, over abc" in rate.what


def test_requests_that_ours_did_not_answer_200_are_counted():
    failing = Load(
        100, p50_ms=1, p99_ms=1, max_ms=1, statuses={"200": 5, "503": 2}, errors={"timeouts": 1}, cpu_ms_per_answer=2
    )
    rounds = [{"ours": failing, "theirs": load(50, 4)}, {"ours": load(10, 20), "theirs": failing}]
    *_, failed = compare(rounds, "abc", 16)
    assert (failed.value, failed.is_met) == (3, False)
    assert failed.what == "shipped: requests not answered 200 at 16 connections, over abc"


def test_unknown_revision_is_refused(capsys):
    with pytest.raises(SystemExit) as left:
        main(["no-such-revision"])
    assert left.value.code == 2
    assert "no revision 'no-such-revision'" in capsys.readouterr().err
