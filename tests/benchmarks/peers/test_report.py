from types import SimpleNamespace

from benchmarks.in_process import Baseline
from benchmarks.peers.loads import Kind
from benchmarks.peers.report import document, figures, rates_table, report
from benchmarks.peers.rounds import Comparison, Measured
from benchmarks.wrk import Load

LONE, STEADY = Kind(1), Kind(16)
KINDS = (LONE, STEADY)


def loads(*rates, statuses=None):
    return [Load(rate, p50_ms=10, p99_ms=15, max_ms=20, statuses=statuses or {"200": 9}) for rate in rates]


def compared():
    measured = {
        "Opsin": Measured({LONE: loads(90, 80, 100), STEADY: loads(200, 210, 220)}, [0.5], [100.0, 102.0, 104.0]),
        "FastAPI": Measured({LONE: loads(100, 100, 100), STEADY: loads(100, 105, 110)}, [1.5], [90.0, 90.0, 90.0]),
        "MLServer": Measured({LONE: loads(60, 300, 60), STEADY: loads(50, 50, 50, statuses={"200": 8, "500": 1})}),
        "PyTriton": Measured(failure="did not start: no libb64.so"),
    }
    measured["MLServer"].starts_s, measured["MLServer"].memory_mb = [3.0], [500.0]
    workload = SimpleNamespace(name="shipped")
    return Comparison(workload, measured, baselines={STEADY: [Baseline(250, 1), Baseline(250, 1), Baseline(275, 1)]})


def test_best_peer_is_that_of_the_middle_round_and_ratios_are_within_rounds():
    lone, steady, share, tail = figures(compared(), KINDS)
    assert (lone.value, lone.runs, lone.is_met) == (0.9, (0.9, 0.8, 1.0), False)
    assert "FastAPI; " in lone.note
    assert (steady.value, steady.runs, steady.is_met) == (2.0, (2.0, 2.0, 2.0), True)
    assert (share.value, share.at_least, share.is_met) == (0.8, 0.8, True)
    assert (tail.value, tail.at_most) == (1.5, 2.0)


def test_table_has_a_row_for_each_server_and_says_why_one_has_no_figures():
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rates_table(compared(), KINDS).splitlines()]
    assert rows[0][:3] == ["requests/s", "1 connection", "16 connections"]
    assert rows[2] == [
        "Opsin",
        "**90** 80 .. 100",
        "**210** 200 .. 220",
        "**1.5** 1.5 .. 1.5",
        "**102** 100 .. 104 MB",
        "**0.5** s",
        "0.0 %",
    ]
    assert rows[4][2] == "**50** 50 .. 50, 3 faults"
    assert rows[5] == ["PyTriton", "did not start: no libb64.so", "", "", "", "", ""]
    assert len({len(row) for row in rows}) == 1


def test_report_names_every_setting_and_the_document_has_every_load():
    text = report(compared(), KINDS, "A processor")
    assert text.startswith("A processor\n\n| requests/s |")
    assert "- LitServe 0." in text
    assert document(compared(), KINDS)["servers"]["FastAPI"]["loads"]["16 connections"][0]["rate"] == 100


def test_without_opsin_there_is_nothing_to_compare():
    comparison = compared()
    comparison.measured["Opsin"].failure = "did not start: no port"
    [figure] = figures(comparison, KINDS)
    assert (figure.value, figure.note) == (None, "did not start: no port")
