"""Settings that cannot be are refused with one line; what may be left out follows from the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from optimize.magnitude.layers import LayerRule
from optimize.settings import (
    ChannelPruning,
    MagnitudePruning,
    Quantization,
    QuantizationAwareTraining,
    Search,
)
from optimize.tasks import Task

NAN = float("nan")
FINE_TUNINGS = (ChannelPruning, MagnitudePruning, QuantizationAwareTraining)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (ChannelPruning, {"macs": 0.5, "latency": 0.5}, "the budget is of macs or of latency, not of both"),
        (ChannelPruning, {"macs": 0.0}, r"macs must be in \(0, 1\), got 0\.0"),
        (ChannelPruning, {"macs": 1.0}, r"macs must be in \(0, 1\), got 1\.0"),
        (ChannelPruning, {"latency": 1.5}, r"latency must be in \(0, 1\), got 1\.5"),
        (ChannelPruning, {"rounds": 0}, "rounds must be >= 1, got 0"),
        (ChannelPruning, {"round_epochs": 0}, "round_epochs must be >= 1, got 0"),
        (ChannelPruning, {"hint_weight": -1.0}, r"hint_weight must be >= 0, got -1\.0"),
        (ChannelPruning, {"small_fraction": 1.0}, r"small_fraction must be in \[0, 1\), got 1\.0"),
        (ChannelPruning, {"multiple_of": 0}, "multiple_of must be >= 1, got 0"),
        (MagnitudePruning, {"sparsity": 1.0}, r"sparsity must be in \[0, 1\), got 1\.0"),
        (MagnitudePruning, {"sparsity": -0.1}, r"sparsity must be in \[0, 1\), got -0\.1"),
        (MagnitudePruning, {"pattern": "1:3"}, "pattern must be one of unstructured, 2:4, got '1:3'"),
        (MagnitudePruning, {"begin": 0.7}, r"0 <= begin < end <= 1 must hold, got begin 0\.7 and end 0\.7"),
        (MagnitudePruning, {"end": 1.1}, r"0 <= begin < end <= 1 must hold"),
        (MagnitudePruning, {"power": 0}, "power must be > 0, got 0"),
        (MagnitudePruning, {"layer_sparsity": ["conv1_conv"]}, "expected PATTERN=SPARSITY"),
        (MagnitudePruning, {"pattern": "2:4", "sparsity": 0.8}, r"the 2:4 pattern has a sparsity of 0\.5, got 0\.8"),
        (MagnitudePruning, {"pattern": "2:4", "power": 2.0}, "made in the beginning: begin, end and power say nothing"),
        (MagnitudePruning, {"one_shot": True, "end": 0.5}, "made in the beginning: begin, end and power say nothing"),
        (Quantization, {"precision": "int4"}, "precision must be one of int8, float16, dynamic, got 'int4'"),
        (Quantization, {"num_calibration_images": 0}, "num_calibration_images must be >= 1, got 0"),
        (Quantization, {"calibration": "best"}, "calibration must be one of random, balanced, got 'best'"),
        (Quantization, {"calibration": "balanced", "calibration_images": Path("own")}, "their classes are not known"),
        (Quantization, {"precision": "float16", "calibration_images": Path("own")}, "float16 needs no calibration"),
        (Quantization, {"precision": "dynamic", "calibration": "balanced"}, "dynamic needs no calibration"),
        (Quantization, {"precision": "float16", "num_calibration_images": 3}, "float16 needs no calibration"),
        (QuantizationAwareTraining, {"num_calibration_images": 0}, "num_calibration_images must be >= 1, got 0"),
        (Search, {"budget_latency": 0.0}, r"budget_latency must be in \(0, 1\], got 0\.0"),
        (Search, {"budget_latency": 1.1}, r"budget_latency must be in \(0, 1\], got 1\.1"),
        (Search, {"epochs": 0}, "epochs must be >= 1, got 0"),
        (Search, {"minutes": 0.0}, r"minutes must be in \(0, inf\), got 0\.0"),
        (Search, {"aware_epochs": 0}, "aware_epochs must be >= 1, got 0"),
        (Task, {"workdir": Path("runs"), "name": "Pets"}, "a model name must be 1 to 64 of a-z 0-9 . _ -"),
        *[
            (kind, settings, message)
            for kind in FINE_TUNINGS
            for settings, message in [
                ({"epochs": 0}, "epochs must be >= 1, got 0"),
                ({"teacher_weight": 1.1}, r"weight of the teacher must be in \[0, 1\], got 1\.1"),
                ({"teacher_weight": NAN}, r"weight of the teacher must be in \[0, 1\], got nan"),
                ({"temperature": 0}, "temperature must be > 0, got 0"),
                ({"temperature": NAN}, "temperature must be > 0, got nan"),
            ]
        ],
    ],
)
def test_settings_that_cannot_be_are_refused(kind, settings, message):
    with pytest.raises(ValueError, match=message):
        kind(**settings)


def test_budget_is_half_the_work_unless_another_is_given():
    assert (ChannelPruning().macs, ChannelPruning().latency) == (0.5, None)
    assert (ChannelPruning(latency=0.6).macs, ChannelPruning(latency=0.6).latency) == (None, 0.6)


def test_learning_rate_is_a_part_of_the_trainings_unless_it_is_given():
    assert [kind().peak_lr_after(0.2) for kind in FINE_TUNINGS] == [0.04, 0.04, 0.01]
    assert [kind(peak_lr=0.5).peak_lr_after(0.2) for kind in FINE_TUNINGS] == [0.5, 0.5, 0.5]


def test_rules_of_layers_keep_their_order():
    pruning = MagnitudePruning(layer_sparsity=["conv1_conv=0", "conv4_.*=0.9"])
    assert pruning.layer_sparsity == ("conv1_conv=0", "conv4_.*=0.9")
    assert pruning.rules == (LayerRule("conv1_conv", 0), LayerRule("conv4_.*", 0.9))
