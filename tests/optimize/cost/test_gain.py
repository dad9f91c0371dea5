"""Whether int8 is faster is told by the fastest runtime of each precision whose answers can be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from clock import Clock
from tried_runtimes import Answering

from models.errors import CorruptArtifact
from models.pixels.spec import PixelSpec
from optimize.cost.gain import FASTER, Gain, measure_gain
from optimize.cost.rounds import Rounds

INT8, FLOAT32 = Path("int8.tflite"), Path("float32.tflite")
SECONDS = {
    ("litert", INT8): 0.004,
    ("litert", FLOAT32): 0.004,
    ("openvino", INT8): 0.002,
    ("openvino", FLOAT32): 0.003,
}


@pytest.fixture
def measured():
    """Measure the gain with runtimes that take SECONDS, where OpenVINO gives this answer to int8."""
    clock = Clock()

    def measured(answer=(0.7, 0.2, 0.1), missing=(), runtimes=("litert", "openvino")):
        def load(runtime, file):
            if (runtime, file) in missing:
                raise CorruptArtifact("it cannot be loaded")
            is_other = (runtime, file) == ("openvino", INT8)
            runs = Answering(answer if is_other else (0.7, 0.2, 0.1), clock, SECONDS[runtime, file])
            measured.loaded.append(runs)
            return runs

        return measure_gain(
            INT8,
            FLOAT32,
            pixels=PixelSpec(8, 8),
            num_classes=3,
            runtimes=runtimes,
            load=load,
            num_rounds=2,
            clock=clock,
        )

    measured.loaded = []
    return measured


def test_a_runtime_that_is_not_installed_is_named_as_it_may_tell_otherwise(measured):
    gain = measured(runtimes=("litert",))
    assert not gain.is_faster
    assert str(gain) == (
        "int8 takes 1.00 of the time of float32 on this machine, with litert "
        "(openvino, not installed here, may tell otherwise)"
    )


def test_fastest_of_each_precision_counts(measured):
    gain = measured()
    assert gain.ratio == pytest.approx(2 / 3)
    assert gain.is_faster
    assert gain.int8["openvino"].values == pytest.approx([2.0, 2.0])
    assert str(gain) == "int8 takes 0.67 of the time of float32 on this machine, with litert or openvino"
    assert [runs.num_closed for runs in measured.loaded] == [1] * 4


def test_runtime_whose_int8_sums_saturate_counts_for_float32_alone(measured):
    gain = measured(answer=(0.1, 0.2, 0.7))
    assert [*gain.int8] == ["litert"]
    assert gain.ratio == pytest.approx(4 / 3)
    assert not gain.is_faster


def test_runtime_that_cannot_load_a_file_is_left_out(measured):
    assert [*measured(missing=[("openvino", INT8)]).int8] == ["litert"]


def test_litert_must_load_both(measured):
    with pytest.raises(CorruptArtifact):
        measured(missing=[("litert", FLOAT32)])


@pytest.mark.parametrize(("ratio", "is_faster"), [(FASTER, True), (FASTER + 0.01, False)])
def test_a_few_per_cent_are_no_gain(ratio, is_faster):
    assert Gain({"litert": Rounds((ratio,))}, {"litert": Rounds((1.0,))}).is_faster is is_faster
