import json
import subprocess
import sys

import pytest

from benchmarks import bulk
from benchmarks.bulk import look_when_it_grows, ratio, results_table


def taken(predict, decode_and_run, run_alone):
    rates = {"predict": predict, "decode_and_run": decode_and_run, "run_alone": run_alone}
    return {name: {"rate": rate, "cpu_ms_per_image": 2000 / rate} for name, rate in rates.items()}


def test_ratios_are_taken_within_a_round():
    rounds = [taken(96.0, 100.0, 120.0), taken(49.0, 50.0, 60.0), taken(97.0, 100.0, 100.0)]
    over = ratio(rounds, "predict", "decode_and_run", "rate")
    assert over == {"median": 0.97, "runs": (0.96, 0.98, 0.97)}
    result = {
        "rounds": rounds,
        "over_decode_and_run": over,
        "by_cpu_time": ratio(rounds, "decode_and_run", "predict", "cpu_ms_per_image"),
        "over_run_alone": ratio(rounds, "predict", "run_alone", "rate"),
    }
    row = results_table({"flowers": result}).splitlines()[1]
    assert row.split("  ")[0] == "flowers"
    assert "96" in row
    assert "0.970 (0.96 .. 0.98)" in row
    assert "0.817 (0.80 .. 0.97)" in row


def test_models_that_were_not_asked_for_keep_their_figures_on_the_same_processor(tmp_path, monkeypatch, capsys):
    rounds = [taken(96.0, 100.0, 120.0)]
    one = {"median": 0.96, "runs": (0.96,)}
    result = {"rounds": rounds, "over_decode_and_run": one, "by_cpu_time": one, "over_run_alone": one}
    monkeypatch.setattr(bulk, "RESULTS", tmp_path / "bulk.json")
    monkeypatch.setattr(bulk, "measure", lambda *_arguments, **_options: result)
    for cpu, model in (("one", "cifar10"), ("one", "flowers"), ("other", "flowers")):
        monkeypatch.setattr(bulk, "describe", lambda cpu=cpu: {"cpu": cpu})
        assert bulk.main(["--models", model]) == 0
        found = list(json.loads(bulk.RESULTS.read_text())["models"])
        assert found == {"other": ["flowers"], "one": ["cifar10", "flowers"][: 1 + (model == "flowers")]}[cpu]
    assert "flowers  96" in (tmp_path / "bulk.md").read_text()


def test_a_look_is_taken_when_rows_come(tmp_path):
    part = tmp_path / "part"
    code = "import sys, time; time.sleep(0.05); open(sys.argv[1], 'w').write('row\\n'); time.sleep(9)"
    process = subprocess.Popen([sys.executable, "-c", code, str(part)])
    try:
        look = look_when_it_grows(part, process)
        assert look.num_bytes == 4
        assert look.cpu_s >= 0
    finally:
        process.kill()
        process.wait()
    with pytest.raises(RuntimeError, match="the command writes no rows"):
        look_when_it_grows(part, process)
