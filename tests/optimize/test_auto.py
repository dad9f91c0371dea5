"""The search, with stages of known accuracy and time."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from models.network.resnet_v2 import ResNetV2
from models.store.repository import Repository
from optimize.auto import BudgetsNotMet, search
from optimize.candidate import Candidate
from optimize.changes import Changes
from optimize.cost.rounds import Rounds
from optimize.gate import Limits, Verdict
from optimize.settings import ChannelPruning, QuantizationAwareTraining, Search
from optimize.source import Source
from training.evaluate import Metrics
from training.publish import MeasuredFile

SETTINGS = Search(budget_latency=0.5, epochs=7, round_epochs=3, aware_epochs=2)
PLAIN, NARROW, TRAINED = "int8", "channels, int8", "channels, int8, trained"


class Stages:
    """Stand in for what takes minutes; each candidate is as accurate and as fast as these say.

    Attributes:
        top1: by "float32", "plain", "narrow float32", "narrow" and "trained".
        latency: rounds, by the same names.
        done: the stages, with which settings.
    """

    def __init__(self, folder):
        self.folder = folder
        self.top1 = {"float32": 0.92, "plain": 0.92, "narrow float32": 0.915, "narrow": 0.91, "trained": 0.914}
        self.latency = {"plain": (1.0,), "narrow": (0.48, 0.49, 0.6), "trained": (0.49,)}
        self.done = []

    def candidate(self, name, precision):
        file = self.folder / f"{name}.tflite"
        file.write_bytes(b"0" * 1000)
        metrics = Metrics(10_000, self.top1[name], 1.0, 0.3, 0.01)
        return MeasuredFile(file, precision, metrics, metrics)

    def source(self, name, published):
        architecture = ResNetV2.of("20", width=8)
        dense = self.candidate(name, "float32")
        return Source(SimpleNamespace(data="toy.npz"), None, None, architecture, dense, published)

    def compressed(self, source, workdir, name):
        return Candidate(source, source.run, workdir, self.candidate(name, "int8"), source.architecture)

    def quantize(self, source, workdir, **_):
        self.done.append(("quantize", workdir.name))
        return self.compressed(source, workdir, "plain" if source.dense.file.stem == "float32" else "narrow")

    def prune_channels(self, _, output, pruning, **__):
        self.done.append(("prune", output.name, pruning))
        return SimpleNamespace(as_source=lambda: self.source("narrow float32", "toy:1"))

    def train_quantized(self, source, output, training, **_):
        self.done.append(("train", output.name, training))
        return self.compressed(source, output, "trained")

    def changes(self, measured):
        return Changes(10_000, round(10_000 * (self.top1["float32"] - measured.validation.top1)), 0, 0)

    def judge(self, measured, limits):
        return Verdict(-self.changes(measured).top1_points <= limits.max_accuracy_drop, "for a reason")

    def latency_ratio(self, candidate, baseline):
        assert baseline.stem == "plain"
        return Rounds(self.latency[candidate.stem])


@pytest.fixture
def stages(tmp_path, replace_function, monkeypatch):
    stages = Stages(tmp_path)
    for name in ("quantize", "prune_channels", "train_quantized", "latency_ratio"):
        replace_function(f"optimize.auto.{name}", getattr(stages, name))
    monkeypatch.setattr("optimize.auto.Line", lambda *_: stages)
    return stages


@pytest.fixture
def lines():
    return []


@pytest.fixture
def searched(stages, tmp_path, lines):
    def searched(settings=SETTINGS, max_accuracy_drop=0.7):
        source, limits = stages.source("float32", "toy:1"), Limits(max_accuracy_drop)
        candidate = search(
            source,
            tmp_path / "run",
            tmp_path / "out",
            settings,
            repository=Repository(tmp_path),
            limits=limits,
            say=lines.append,
        )
        assert candidate.source is source  # the gate compares with it
        return candidate.measured.file.stem

    return searched


def tried(tmp_path):
    return json.loads((tmp_path / "out" / "trials.json").read_text())


def test_most_accurate_within_the_budgets_is_picked(searched, stages, tmp_path):
    assert searched() == "trained"
    assert stages.done == [
        ("quantize", "run"),
        ("prune", "channels", ChannelPruning(latency=0.5, epochs=7, round_epochs=3)),
        ("quantize", "channels"),
        ("train", "channels-aware", QuantizationAwareTraining(epochs=2)),
    ]
    assert tried(tmp_path)[TRAINED] == {
        **stages.candidate("trained", "int8").validation.to_dict(),
        "drop_points": 0.6,
        "drop_points_interval": [0.45, 0.75],
        "is_within": True,
        "reason": "for a reason",
        "latency": 0.49,
        "num_bytes": 1000,
    }


def test_faster_one_that_is_less_accurate_is_passed_over(searched, stages):
    stages.latency["narrow"] = (0.3,)
    assert searched(max_accuracy_drop=1.0) == "trained"


def test_time_of_just_the_budget_is_within_it(searched, stages):
    stages.latency["trained"] = (0.5,)
    assert searched() == "trained"


def test_more_accurate_but_slower_one_is_passed_over(searched, stages):
    stages.latency["trained"] = (0.51,)
    assert searched(max_accuracy_drop=1.0) == "narrow"


def test_time_counts_as_far_as_its_rounds_can_tell(searched, stages):
    stages.latency["trained"] = (0.49, 0.5, 0.52, 0.53)
    assert searched() == "trained"


def test_faster_of_two_that_are_as_accurate_is_picked(searched, stages):
    stages.top1["trained"] = stages.top1["narrow"]
    stages.latency |= {"narrow": (0.45,), "trained": (0.44,)}
    assert searched(max_accuracy_drop=1.0) == "trained"


def test_nothing_is_trained_where_quantization_loses_nothing(searched, stages, tmp_path):
    stages.top1["narrow"] = stages.top1["narrow float32"]
    assert searched() == "narrow"
    assert set(tried(tmp_path)) == {PLAIN, NARROW}


def test_without_a_budget_of_time_no_channels_go(searched, stages, tmp_path):
    stages.top1 |= {"plain": 0.918, "trained": 0.919}
    stages.latency["trained"] = (1.0,)
    assert searched(replace(SETTINGS, budget_latency=1.0)) == "trained"
    assert [step[:2] for step in stages.done] == [("quantize", "run"), ("train", "aware")]
    assert set(tried(tmp_path)) == {PLAIN, "int8, trained"}


def test_model_that_is_good_as_it_is_is_only_quantized(searched, stages, tmp_path):
    stages.latency["plain"] = (1.02, 1.04)  # against itself, on a noisy machine
    assert searched(replace(SETTINGS, budget_latency=1.0)) == "plain"
    assert set(tried(tmp_path)) == {PLAIN}


def test_table_of_all_that_was_tried_is_said(searched, lines):
    searched()
    header, *rows = [line for line in lines[-1].splitlines() if not set(line) <= set("-| ")]
    assert header.split() == ["tried", "top-1", "of", "10,000", "points", "time", "bytes"]
    assert rows[-1].split("trained")[1].split() == ["91.40%", "-0.60", "(-0.75", "to", "-0.45)", "0.49", "1.0", "kB"]


def test_nothing_within_the_budgets_is_refused_with_the_table(searched, tmp_path):
    with pytest.raises(BudgetsNotMet, match=r"budget_latency is 0\.5 and max_accuracy_drop 0\.5") as refusal:
        searched(max_accuracy_drop=0.5)
    for name in (PLAIN, NARROW, TRAINED):
        assert f"{name} " in str(refusal.value)
        assert name in tried(tmp_path)
