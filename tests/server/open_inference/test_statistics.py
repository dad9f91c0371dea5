"""Statistics of versions: read from the metrics that all processes keep."""

from __future__ import annotations

from models.pixels.preprocessing import PixelSpec
from server.engine.catalogue import ServedModel
from server.metrics import Metrics
from server.open_inference.statistics import statistics

FIRST, SECOND = (ServedModel("colours", version, ("red", "blue"), PixelSpec(2, 1)) for version in (1, 2))


def test_versions_have_what_was_counted_of_them_alone():
    metrics = Metrics()
    metrics.note_images(FIRST, "ok", 3)
    metrics.note_images(FIRST, "corrupt_image")
    metrics.note_images(SECOND, "ok")
    metrics.note_decoded(FIRST, 0.25)
    metrics.note_batch([0.5, 0.125], 0.75, 0.0, FIRST)
    metrics.note_batch([0.125], 0.5, 0.0, FIRST)
    first, second = statistics(metrics.registry.collect(), [FIRST, SECOND])["model_stats"]
    assert first == {
        "name": "colours",
        "version": "1",
        "inference_count": 3,
        "execution_count": 2,
        "inference_stats": {
            "success": {"count": 3, "ns": 2_250_000_000},
            "fail": {"count": 1, "ns": 0},
            "queue": {"count": 3, "ns": 750_000_000},
            "compute_input": {"count": 4, "ns": 250_000_000},
            "compute_infer": {"count": 3, "ns": 1_250_000_000},
            "compute_output": {"count": 3, "ns": 0},
        },
        "batch_stats": [{"batch_size": size, "count": 1, "compute_infer": {"count": 1, "ns": 0}} for size in (1, 2)],
    }
    assert (second["inference_count"], second["execution_count"]) == (1, 0)


def test_version_that_was_never_asked_has_done_nothing():
    [only] = statistics(Metrics().registry.collect(), [FIRST])["model_stats"]
    assert only["inference_stats"]["success"] == {"count": 0, "ns": 0}
    assert only["batch_stats"] == []
