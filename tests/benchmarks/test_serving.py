import pytest

from benchmarks import serving
from benchmarks.serving import main
from benchmarks.wrk import MISSING, WrkMissing


def test_help_names_the_experiments(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    assert "throughput, lone, large" in " ".join(capsys.readouterr().out.split())


def test_unknown_experiment_is_refused(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--only", "lone,speed"])
    assert left.value.code == 2
    assert "'speed' is none of throughput" in capsys.readouterr().err


def test_missing_wrk_is_one_clear_line(monkeypatch, capsys):
    def missing():
        raise WrkMissing(MISSING)

    monkeypatch.setattr(serving, "find_wrk", missing)
    assert main(["--only", "start"]) == 2
    assert capsys.readouterr().err == f"python -m benchmarks.serving: {MISSING}\n"
