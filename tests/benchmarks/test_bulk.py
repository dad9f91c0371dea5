import json
import subprocess
import sys
from pathlib import Path

import pytest
from running_server import wait_until

from benchmarks import bulk
from benchmarks.bulk import RATIOS, Command, Look, ratio, results_table, turn
from benchmarks.in_process import Baseline
from models.predict.answer_file import names_beside


def taken(predict, decode_and_run, run_alone):
    rates = {"predict": predict, "decode_and_run": decode_and_run, "one_by_one": predict, "run_alone": run_alone}
    return {name: {"rate": rate, "cpu_ms_per_image": 2000 / rate} for name, rate in rates.items()}


def test_ratios_are_taken_within_a_round():
    rounds = [taken(96.0, 100.0, 120.0), taken(49.0, 50.0, 60.0), taken(97.0, 100.0, 100.0)]
    over = ratio(rounds, "predict", "decode_and_run", "rate")
    assert over == {"median": 0.97, "runs": (0.96, 0.98, 0.97)}
    result = {
        "rounds": rounds,
        **dict.fromkeys(RATIOS, over),
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
    result = {"rounds": rounds, **dict.fromkeys(RATIOS, one)}
    monkeypatch.setattr(bulk, "RESULTS", tmp_path / "bulk.json")
    monkeypatch.setattr(bulk, "measure", lambda *_arguments, **_options: result)
    for cpu, model in (("one", "cifar10"), ("one", "flowers"), ("other", "flowers")):
        monkeypatch.setattr(bulk, "describe", lambda cpu=cpu: {"cpu": cpu})
        assert bulk.main(["--models", model]) == 0
        found = list(json.loads(bulk.RESULTS.read_text())["models"])
        assert found == {"other": ["flowers"], "one": ["cifar10", "flowers"][: 1 + (model == "flowers")]}[cpu]
    assert "flowers  96" in (tmp_path / "bulk.md").read_text()


def test_a_look_is_taken_when_rows_come(tmp_path, monkeypatch):
    started = []

    def popen(command, **_options):
        part = names_beside(Path(command[command.index("--out") + 1]))[0]
        code = "import sys, time; time.sleep(0.05); open(sys.argv[1], 'w').write('head\\nrow\\n'); time.sleep(9)"
        started.append(real_popen([sys.executable, "-c", code, str(part)]))
        return started[-1]

    real_popen = subprocess.Popen
    monkeypatch.setattr(bulk.subprocess, "Popen", popen)
    command = Command("cifar10", tmp_path / "list.txt", tmp_path / "answers.csv")
    look = command.look()
    assert (look.num_images, look.cpu_s >= 0) == (2, True)
    started[0].kill()
    started[0].wait()
    with pytest.raises(RuntimeError, match="the command writes no rows"):
        command.look()


def test_what_has_no_turn_is_halted():
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])

    class Loop:
        num_looks = 0

        def pids(self):
            return [process.pid]

        def look(self):
            self.num_looks += 1
            return Look(float(self.num_looks), 10 * self.num_looks, 0.5 * self.num_looks)

    try:
        assert turn(Loop(), 0.0) == Baseline(10.0, 50.0)
        wait_until(lambda: Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
    finally:
        process.kill()
        process.wait()
