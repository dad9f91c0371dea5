"""`python -m optimize auto` as its user runs it, from a finished run to the published best; work stands in for time."""

from __future__ import annotations

import json

import pytest
from toy_data import write_folders

from models.store.repository import Repository
from optimize.__main__ import main
from optimize.cost.gain import Gain
from optimize.cost.rounds import Rounds
from optimize.cost.tflite_file import read_tflite
from training.config import preset, replaced
from training.train import train

TERMS = ["--budget-latency", "0.9", "--max-accuracy-drop", "100", "--epochs", "1"]


def work_ratio(candidate, baseline):
    """Stand in for `latency_ratio`: what so small a network takes says more about the machine than about itself."""
    return Rounds((read_tflite(candidate).macs / read_tflite(baseline).macs,))


@pytest.mark.slow
@pytest.mark.extended(
    covers=[
        "optimize/attempts.py",
        "optimize/auto.py",
        "optimize/candidate.py",
        "optimize/channels/*.py",
        "optimize/gate.py",
        "optimize/pace.py",
        "optimize/quantization/*.py",
    ]
)
def test_search_publishes_what_is_faster_and_says_what_it_tried(tmp_path, capsys, monkeypatch):
    for module in ("auto", "channels.removal", "gate"):
        monkeypatch.setattr(f"optimize.{module}.latency_ratio", work_ratio)
    gain = Gain({"litert": Rounds((1.0,))}, {"litert": Rounds((3.0,))})
    monkeypatch.setattr("optimize.auto.measure_gain", lambda *_, **__: gain)
    photos = write_folders(tmp_path / "photos", num_images=60)
    repository, workdir, output = tmp_path / "repository", tmp_path / "toy", tmp_path / "toy-fast"
    config = replaced(preset("scratch"), {"variant": "8", "width": 16, "image_px": 32, "epochs": 1, "batch_size": 16})
    train(config, photos, workdir, repository=Repository(repository), name="toy", command="python -m training")
    where = ["--workdir", str(workdir), "--output", str(output)]  # it is published where the run was
    assert main(["auto", *where, *TERMS, "--aware-epochs", "1"]) == 0
    tried = json.loads((output / "trials.json").read_text())
    assert {"int8", "0.9 of the time, int8"} <= tried.keys()
    manifest = Repository(repository).load("toy").manifest
    assert (manifest.version, manifest.formats["litert"].precision) == (2, "int8")
    assert manifest.architecture["inner_widths"]
    assert manifest.provenance["training_commands"][0] == "python -m training"
    said = capsys.readouterr().out
    assert "an epoch with 0.9 of the time" in said
    assert "published toy version 2" in said
