"""A row's costs beside the baseline's."""

from dataclasses import asdict, replace

from small_reports import BASE_FILE, BASE_LATENCY

from optimize.cost.latency import Latency
from optimize.cost.rounds import Rounds
from optimize.report.row import relative

BASELINE = {"to_file": BASE_FILE, "to_latency": BASE_LATENCY}


def test_each_cost_is_a_multiple_of_the_same_cost_of_the_baseline():
    file = replace(BASE_FILE, num_bytes=600_000, gzip_bytes=250_000, num_parameters=810_000, macs=20_400_000 * 5)
    latency = Latency(
        all_cores=Rounds((3.0, 2.5, 3.5)),  # each round is five times the baseline's
        one_core=Rounds((8.4, 7.0, 9.8)),
        throughput=Rounds((3000.0,) * 3),
        batch_size=4,
        memory_bytes=20_000_000,
    )
    assert {name: round(times, 9) for name, times in asdict(relative(file, latency, **BASELINE)).items()} == {
        "num_bytes": 0.5,
        "gzip_bytes": 0.25,
        "macs": 2.5,
        "num_parameters": 3.0,
        "all_cores_ms": 5.0,
        "one_core_ms": 7.0,
        "images_per_s": 1.5,
        "memory_bytes": 4.0,
    }


def test_a_cost_that_the_baseline_has_none_of_has_no_multiple():
    assert relative(BASE_FILE, BASE_LATENCY, **{**BASELINE, "to_file": replace(BASE_FILE, macs=0)}).macs is None
