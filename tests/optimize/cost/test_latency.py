import itertools

import pytest
from tflite_files import colour_classifier, one_at_a_time

from optimize.cost.latency import latency_ratio, measure_latencies


def steady_clock(step_s: float = 0.002):
    """Every look at it is one step later, so that every call takes one step."""
    ticks = itertools.count()
    return lambda: next(ticks) * step_s


@pytest.fixture
def file(tmp_path):
    return colour_classifier(tmp_path / "colours.tflite")


def test_figures_are_medians_of_the_clock(file):
    [latency] = measure_latencies({"a": file}, num_rounds=3, num_cores=2, clock=steady_clock()).values()
    assert latency.one_core.values == pytest.approx([2.0] * 3)
    assert (latency.one_core_ms, latency.all_cores_ms) == pytest.approx((2.0, 2.0))
    # 50 calls of 2 ms fill a tenth of a second, on two cores, in batches of 4, between two looks at the clock.
    assert latency.images_per_s == pytest.approx(50 * 2 * 4 / 0.002)
    assert latency.batch_size == 4


def test_every_file_has_all_its_rounds_and_its_own_memory(file, tmp_path):
    files = {"first": file, "second": one_at_a_time(tmp_path / "single.tflite")}
    found = measure_latencies(files, num_rounds=2, num_cores=1)
    assert list(found) == ["first", "second"]
    for latency in found.values():
        rounds = (latency.one_core, latency.all_cores, latency.throughput)
        assert [len(each.values) for each in rounds] == [2, 2, 2]
        assert min(value for each in rounds for value in each.values) > 0
        assert latency.memory_bytes > 0


def test_file_for_one_image_at_a_time_has_its_throughput_measured_so(tmp_path):
    file = one_at_a_time(tmp_path / "single.tflite")
    assert measure_latencies({"a": file}, num_rounds=1, num_cores=1)["a"].batch_size == 1


@pytest.mark.parametrize("cores", ["one", "all"])
def test_ratio_of_files_that_take_the_same_time_is_one(file, cores):
    ratio = latency_ratio(file, file, cores=cores, num_rounds=4, clock=steady_clock())
    assert ratio.values == pytest.approx([1.0] * 4)


@pytest.mark.parametrize(("cores", "num_threads"), [("one", 1), ("all", 6)])
def test_ratio_is_of_one_core_or_of_all(file, monkeypatch, cores, num_threads):
    loaded = []

    def load(_path, *, num_threads, batch_size):
        loaded.append((num_threads, batch_size))
        return lambda: None

    monkeypatch.setattr("optimize.cost.latency.LoadedFile", load)
    monkeypatch.setattr("optimize.cost.latency.available_cores", lambda: 6)
    latency_ratio(file, file, cores=cores, num_rounds=1, clock=steady_clock())
    assert loaded == [(num_threads, 1)] * 2


def test_what_litert_cannot_load_is_named(file, tmp_path):
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"broken\.tflite cannot be run by LiteRT"):
        latency_ratio(broken, file)
