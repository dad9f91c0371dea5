import json

import pytest

from benchmarks import gpu
from benchmarks.gpu import main


@pytest.mark.slow
@pytest.mark.extended(
    covers=[
        "benchmarks/gpu*.py",
        "models/runtime/tensorflow.py",
        "training/feed.py",
        "training/resident.py",
        "training/step.py",
    ]
)
def test_whole_script_runs_on_a_cpu_at_tiny_size(tmp_path, capsys):
    assert main(["--tiny", "--output", str(tmp_path)]) == 0
    printed, told = capsys.readouterr()
    record = json.loads((tmp_path / "gpu.json").read_text())
    figures = {figure["what"]: figure for figure in record["figures"]}
    assert all(figure["value"] is not None for figure in figures.values()), told
    for what in (
        "training, best",
        "inference in process, best",
        "HTTP with pixels, p99 ≤ 60000 ms, over inference in process",
        "training, mixed_bfloat16, XLA, batch 2",
        "inference in process, float16, no XLA, batch 2, 2 runners",
        "start to ready, driver's cache filled, largest batch 2",
    ):
        assert figures[what]["value"] > 0
    assert "of the float32 product" in figures["training, float32, no XLA, batch 2"]["note"]
    assert "cores decode" in figures["HTTP with JPEGs, p99 ≤ 60000 ms"]["note"]
    assert printed == (tmp_path / "gpu.md").read_text()


def test_without_a_gpu_it_says_so_in_one_line(monkeypatch, capsys):
    monkeypatch.setattr(gpu, "visible_gpus", lambda _: ())
    assert main([]) == 2
    assert capsys.readouterr().err == (
        "python -m benchmarks.gpu: no GPU is visible; --tiny runs all of it on the CPU\n"
    )
