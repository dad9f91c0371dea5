import pytest

from benchmarks.figures import table
from benchmarks.gpu_figures import GPUFigures
from benchmarks.gpu_plan import GPUPlan

LIMITS = [
    ({"kind": "limit", "dtype": "float16"}, {"rate": 600e12, "runs": [600e12]}),
    ({"kind": "copy", "way": "on the device"}, {"rate": 4e12, "runs": [4e12]}),
]
TRAINING = {"kind": "training", "precision": "mixed_float16", "xla": True, "batch_size": 256}
INFERENCE = {"kind": "inference", "batch_size": 64, "xla": True, "num_runners": 2}


def http(what, rate):
    best = {"connections": 64, "p50_ms": 5.0, "p99_ms": 14.0}
    return {"kind": "http", "what": what, "max_batch": 64}, {"rate": rate, "runs": [rate], "best": best}


def figures(*rows):
    return {figure.what: figure for figure in GPUFigures(GPUPlan(), [*LIMITS, *rows]).all()}


def test_share_of_training_counts_three_passes():
    found = figures((TRAINING, {"rate": 5000, "runs": [5000], "macs": 4e9, "warm_up_s": 12, "device_bytes": 3e9}))
    row = found["training, mixed_float16, XLA, batch 256"]
    assert row.note == "20.0% of the float16 product, first step after 12.0 s, 3.00 GB on the device"
    assert found["training, best"].is_met


def test_share_of_inference_is_of_the_product_and_of_the_copy():
    record = {"rate": 10_000, "runs": [10_000], "macs": 3e9, "elements": 10_000_000, "load_s": 30, "device_bytes": None}
    row = figures((INFERENCE, record))["inference in process, float16, XLA, batch 64, 2 runners"]
    assert row.note == "10.0% of the float16 product, 10.0% of the copy, loaded and warm after 30.0 s"


@pytest.mark.parametrize(("rate", "is_met"), [(8500, True), (8400, False)])
def test_http_is_compared_with_the_best_in_process(rate, is_met):
    inference = {"rate": 10_000, "runs": [10_000], "macs": 1, "elements": 1}
    found = figures((INFERENCE, inference), http("pixels", rate), http("JPEGs of 500 x 375", 4000))
    target = found["HTTP with pixels, p99 ≤ 15 ms, over inference in process"]
    assert target.value == pytest.approx(rate / 10_000)
    assert target.is_met is is_met


@pytest.mark.parametrize(
    ("rate", "note"),
    [
        (6000, "75% of what 16 cores decode (8,000/s): bound by the host's cores"),
        (2000, "25% of what 16 cores decode (8,000/s)"),
    ],
)
def test_jpegs_are_compared_with_what_the_cores_decode(rate, note):
    decode = ({"kind": "decode"}, {"rate": 500.0, "num_cores": 16})
    assert figures(http("JPEGs of 500 x 375", rate), decode)["HTTP with JPEGs, p99 ≤ 15 ms"].note == note


def test_what_was_not_measured_says_why_and_is_not_met():
    found = figures((TRAINING, {"error": "ResourceExhaustedError: a | b"}))
    assert found["training, best"].is_met is False
    text = table(list(found.values()))
    assert (
        "| training, mixed_float16, XLA, batch 256 |  | not measured |  | **not met** | ResourceExhaustedError: a / b |"
        in text
    )


def test_tiny_run_has_no_targets():
    assert all(figure.target == "" for figure in GPUFigures(GPUPlan.tiny(), LIMITS).all())


def test_part_that_was_not_asked_for_is_no_missed_target():
    found = [figure.what for figure in GPUFigures(GPUPlan(parts=("training",)), LIMITS).all()]
    assert found == ["training, best", "limit: float16 product of 8192 x 8192", "limit: copy on the device"]
