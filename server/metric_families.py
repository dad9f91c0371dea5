"""The metrics that are counted and timed where something happens: name, meaning, labels, and bounds of histograms."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram

DURATION_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
DISTANCE_BUCKETS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128)
VERSION = ("model", "version")


@dataclass(frozen=True, slots=True)
class Counts:
    """Something that is counted, by its labels."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()

    def counter(self, registry: CollectorRegistry | None) -> Counter:
        """Make a counter, shown by the registry; by none where another process shows it."""
        return Counter(self.name, self.meaning, self.labels, registry=registry)


@dataclass(frozen=True, slots=True)
class Observations:
    """Something that is measured each time, by its labels."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = DURATION_BUCKETS_S

    def histogram(self, registry: CollectorRegistry | None) -> Histogram:
        """Make a histogram, shown by the registry; by none where another process shows it."""
        return Histogram(self.name, self.meaning, self.labels, buckets=self.buckets, registry=registry)


REQUESTS = Counts("opsin_http_requests_total", "Requests answered.", ("route", "method", "status"))
REQUEST_DURATIONS = Observations(
    "opsin_http_request_duration_seconds", "From a request that has come whole to the head of its answer.", ("route",)
)
CALLS = Counts("opsin_grpc_requests_total", "gRPC requests answered.", ("method", "code"))
CALL_DURATIONS = Observations(
    "opsin_grpc_request_duration_seconds", "From the begin of a gRPC request to its answer.", ("method",)
)
RATE_LIMIT_FALLBACKS = Counts(
    "opsin_rate_limit_fallbacks_total", "Requests that this server counted by itself, as Redis did not answer."
)
SPANS = Counts("opsin_spans_total", "Spans of traces, by what became of them.", ("outcome",))
IMAGES = Counts(
    "opsin_images_total", "Images of answered requests; outcome is ok or the code of the error.", (*VERSION, "outcome")
)
ANSWERS = Observations(
    "opsin_model_duration_seconds",
    "From a request that looks for a version to the answers of all its images.",
    VERSION,
)
STAGES = Observations(
    "opsin_stage_duration_seconds", "What a request, an image or a batch took in one stage.", ("stage",)
)
BATCHES = Observations("opsin_batch_size", "Images that the model ran together.", buckets=BATCH_BUCKETS)
EXECUTIONS = Counts(
    "opsin_executions_total",
    "Batches that each version ran, by how many images were in them.",
    (*VERSION, "size"),
)
EXECUTION_SECONDS = Counts(
    "opsin_execution_seconds_total",
    "Seconds of each version: of its requests in decode, its images in queue, its batches in inference.",
    (*VERSION, "stage"),
)
SHADOWS = Counts(
    "opsin_shadow_images_total",
    "Images that a shadow was to be asked: agrees or differs by its likeliest label, failed, dropped.",
    (*VERSION, "outcome"),
)
SHADOW_DISTANCES = Observations(
    "opsin_shadow_distance",
    "Total variation distance of a shadow's answer from that of the stable version.",
    VERSION,
    DISTANCE_BUCKETS,
)
